"""A machine of the farm: its supervisor, its registration, its settings."""
