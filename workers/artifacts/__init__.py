"""Artifacts: the files of candidates, kept where they outlive the machine."""
