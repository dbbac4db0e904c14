"""Distributed traces of what ran (OpenTelemetry), made from recorded times."""
