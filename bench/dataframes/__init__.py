"""Data frames: a reading connection, report views and model calls as Arrow tables, and their backends."""
