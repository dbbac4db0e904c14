"""The commented config that a user starts from."""

from importlib.resources import files

from bench.experiment.strategies.registry import STRATEGIES


def example_config_text() -> str:
    """A config with every default written out and explained; it loads as it stands."""
    text = files("bench.config").joinpath("template.yaml").read_text("utf-8")
    return text.replace("{strategies}", " | ".join(STRATEGIES))
