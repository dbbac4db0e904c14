"""The bench config: its models, its file, its hash."""
