"""A machine of the farm: its supervisor, its presence, its settings."""
