"""Errors of the bench config."""

from bench.errors import BenchError


class ConfigError(BenchError):
    """An invalid config or flag; the message names the path in the file and the allowed values."""
