"""Adapters: one file per coding-agent program."""
