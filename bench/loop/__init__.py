"""The loop from a bench to a judged bundle, once around."""
