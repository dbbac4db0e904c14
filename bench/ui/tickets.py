"""One-time tickets: links that sign the owner of an embedded farm in, signed with a secret of the farm (HMAC)."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

LIFETIME_SECONDS: Final = 300


def make_ticket(secret: str, now: float) -> str:
    """A ticket that is valid for five minutes from `now`, in seconds since 1970."""
    words = f"{int(now) + LIFETIME_SECONDS}.{secrets.token_hex(8)}"
    return f"{words}.{_signature(secret, words)}"


class Tickets:
    """Verifies tickets; each is accepted once by this process."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock
        self._used: dict[str, int] = {}

    def redeem(self, ticket: str) -> bool:
        """Whether `ticket` is genuine, not expired and not used before; it is used now."""
        words, _, signature = ticket.rpartition(".")
        until = words.partition(".")[0]
        if not hmac.compare_digest(signature.encode(), _signature(self._secret, words).encode()):
            return False
        now = self._clock()
        self._used = {each: end for each, end in self._used.items() if end > now}
        if int(until) <= now or words in self._used:
            return False
        self._used[words] = int(until)
        return True


def _signature(secret: str, words: str) -> str:
    return hmac.new(secret.encode(), f"page ticket {words}".encode(), hashlib.sha256).hexdigest()
