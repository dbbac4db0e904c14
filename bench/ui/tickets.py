"""One-time sign-in links for the owner of an embedded farm: an expiry and a nonce, authenticated with HMAC-SHA256."""

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

SECONDS: Final = 300
"""How long a ticket is valid."""


class Tickets:
    """Issues and redeems tickets. Each is redeemed once, by whichever process of the farm is first.

    `secret` is the farm's; `used` a private directory of the farm, in which a redeemed ticket leaves an empty file
    until it has expired.
    """

    def __init__(self, secret: str, used: Path, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._used, self._clock = secret.encode(), used, clock

    def issue(self) -> str:
        """A new ticket."""
        body = f"{int(self._clock()) + SECONDS}.{secrets.token_hex(16)}"
        return f"{body}.{self._seal(body)}"

    def redeem(self, ticket: str) -> str | None:
        """Use up a ticket. Returns None where it was valid, else why it is refused, in one line."""
        body, _, seal = ticket.rpartition(".")
        expiry, _, nonce = body.partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(body).encode()):
            return "this is no sign-in link of this farm"
        if int(expiry) < self._clock():
            return "this sign-in link has expired"
        return None if self._is_first(nonce, int(expiry)) else "this sign-in link was used already"

    def _seal(self, body: str) -> str:
        return hmac.new(self._secret, f"owner's sign-in {body}".encode(), hashlib.sha256).hexdigest()

    def _is_first(self, nonce: str, expiry: int) -> bool:
        """Create the file of a nonce; atomic, so that of two processes one succeeds."""
        self._used.mkdir(mode=0o700, exist_ok=True)
        for left in self._used.iterdir():
            # Named by its expiry first.
            if int(left.name.partition(".")[0]) < self._clock():
                left.unlink(missing_ok=True)
        try:
            os.close(os.open(self._used / f"{expiry}.{nonce}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True
