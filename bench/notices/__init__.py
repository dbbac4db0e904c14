"""Notices of the farm: events found in its rows, delivered to webhooks and through apprise."""
