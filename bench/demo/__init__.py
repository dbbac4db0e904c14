"""The demo corpus: a reproducible repository with seeded bugs and its backlog."""
