"""The commented config that a user starts from."""

from importlib.resources import files


def example_config_text() -> str:
    """A config with every default written out and explained; it loads as it stands."""
    return files("bench.config").joinpath("template.yaml").read_text("utf-8")
