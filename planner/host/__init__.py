"""Hosting of a model in a process: config, deadlines, safety caps and rollout."""
