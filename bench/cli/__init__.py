"""The `bench` command: one file per group of commands."""
