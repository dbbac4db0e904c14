"""Past runs of a universe, indexed, and the similar ones found for an issue."""
