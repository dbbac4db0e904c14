"""Sandboxes for untrusted programs: the rungs of isolation, and starting, watching and killing programs in them."""
