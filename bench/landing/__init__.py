"""Delivery of solved issues: patches as commits, branches, pull requests, and merges into a target branch."""
