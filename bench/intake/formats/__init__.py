"""Adapters of other tools' exports: each converts a foreign record into a record of an issue's own fields."""
