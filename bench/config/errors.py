"""Errors of the bench config."""

from bench.errors import BenchError


class ConfigError(BenchError):
    """A config or a flag was refused; the message names the path in the file and what is allowed."""
