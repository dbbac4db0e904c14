"""The commented example config."""

from importlib.resources import files

from bench.experiment.strategies.registry import STRATEGIES


def example_config_text() -> str:
    """A valid config with every default and a comment for each."""
    text = files("bench.config").joinpath("template.yaml").read_text("utf-8")
    return text.replace("{strategies}", " | ".join(STRATEGIES))
