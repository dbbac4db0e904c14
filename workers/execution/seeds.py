"""Seeds of candidates and rounds, derived so that they depend on nothing but the execution's seed."""

import hashlib


def derive(seed: int, *path: int) -> int:
    """A seed in 0 … 2³¹−1 for the place `path` under `seed`: SHA-256 of them in decimal, joined by colons."""
    text = ":".join(str(number) for number in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 2**31
