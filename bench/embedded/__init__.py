"""The embedded farm: PostgreSQL, broker, coordinator and worker as daemons of one directory."""
