"""Toolchain adapters: one module for each coding-agent program."""
