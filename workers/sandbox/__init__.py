"""Containment of untrusted programs: the ladder of sandboxes, and the life and death of what runs in them."""
