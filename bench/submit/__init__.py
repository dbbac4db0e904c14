"""From a config and a slice to a written bench."""
