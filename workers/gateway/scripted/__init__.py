"""Scripted model server on loopback: four API dialects, whose answers and failures follow a scenario."""
