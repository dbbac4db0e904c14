"""The tick: admit, ring, reap, decide."""
