"""Classification of a provider's failures, and the backoff between retries. Pure."""

import random
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, Literal

Verdict = Literal["answer", "retry", "provider", "program"]
"""`retry`: overload, rate limit or a fault of the provider; `provider`: an error of it that no retry mends (key, money,
model); `program`: the request itself, such as a context overflow, which the program may handle."""
_NO_MONEY: Final = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|payment", re.IGNORECASE
)
_EMPTY_ACCOUNT: Final = "Your credit balance is too low"
_OVERFLOW: Final = re.compile(
    r"context.?(window|length|overflow)|prompt is too long|maximum context|too many (input )?tokens"
    r"|input token count|request_too_large",
    re.IGNORECASE,
)
_FIRST_SECONDS: Final = 1.0
_LEAST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 30.0


def verdict(status: int, message: str, *, is_own_model: bool = True) -> Verdict:
    """What a response with this status and (for errors) message means.

    `is_own_model`: whether the call is of the toolchain's own model; that another one is missing or forbidden is the
    program's affair.
    """
    if status < 400:
        return "answer"
    if status in (401, 402) or message.startswith(_EMPTY_ACCOUNT):
        return "provider"
    if status in (403, 404):
        return "provider" if is_own_model else "program"
    if status == 429 and _NO_MONEY.search(message):
        return "provider"
    if status in (408, 409, 425, 429) or status >= 500:
        return "retry"
    return "program"


def is_overflow(status: int, body: str) -> bool:
    """Whether a refused request was too long for the model."""
    return status == 413 or (status == 400 and _OVERFLOW.search(body) is not None)


def delay(attempt: int, headers: Mapping[str, str], now: float) -> float:
    """Seconds before the next attempt, by `retry-after`, else exponential backoff with jitter.

    Args:
        attempt: number of failed attempts so far, from 1.
        headers: of the failed response; names in lower case.
        now: wall clock, seconds since the epoch.
    """
    named = _retry_after(headers, now)
    if named is not None:
        return max(_LEAST_SECONDS, named)
    longest: float = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(attempt - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    text = headers.get("retry-after", "").strip()
    milliseconds = headers.get("retry-after-ms", "").strip()
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        return max(0.0, parsedate_to_datetime(text).timestamp() - now) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
