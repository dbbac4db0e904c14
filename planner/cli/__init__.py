"""The `planner` command."""
