"""The bench configuration: models, parsing and validation, overlays of flags and issues, hash."""
