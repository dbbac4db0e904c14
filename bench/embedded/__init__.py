"""The embedded farm: a real PostgreSQL and a real broker in one directory."""
