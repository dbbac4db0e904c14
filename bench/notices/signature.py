"""Signatures of the Standard Webhooks specification (v1): HMAC-SHA256 over id, timestamp and body."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from bench.notices.errors import NoticeError

_PREFIX: Final = "whsec_"
_FEWEST_BYTES, _MOST_BYTES = 24, 64


def signing_key(secret: str, where: str) -> bytes:
    """The key of a secret as the specification writes it: base64 of 24 to 64 bytes, with or without `whsec_`.

    Raises: `NoticeError` with `where` the secret is from, never the secret.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise NoticeError(
            f"{where} holds no secret of Standard Webhooks, which is whsec_ and base64 of {_FEWEST_BYTES} to"
            f' {_MOST_BYTES} bytes; make one: echo "whsec_$(openssl rand -base64 32)"'
        )
    return key


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed message; `timestamp` is in seconds since the epoch."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
