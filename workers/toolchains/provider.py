"""Classification of provider failures, and the names of the keys that a model needs."""

import re
from dataclasses import replace
from typing import Final

from workers.toolchains.base import Report
from workers.untrusted import one_line

REFUSED: Final = "refused"
CONTEXT_OVERFLOW: Final = "context_overflow"
"""Fail codes by a program's own messages."""
_FAILURES = re.compile(
    r"rate.?limit|too many requests|overloaded|quota|usage limit|hit your (usage )?limit"
    r"|insufficient.{0,20}(credit|balance|fund)|credit balance|billing|payment required"
    r"|authenticat|unauthori[sz]ed|api.?key|forbidden|permission.?denied.?error|not logged in|/login"
    r"|bad gateway|gateway time|service unavailable|(internal )?server error|server_error"
    r"|timed? ?out|connection|disconnected|network|ECONN|ENOTFOUND|EAI_AGAIN|getaddrinfo|socket"
    r"|api.?error|try again later|at capacity|model.{0,40}(not found|does not exist|not supported)"
    r"|\b(401|402|403|404|408|409|425|429|5\d\d)\b",
    re.IGNORECASE,
)
_OVERFLOW = re.compile(
    r"context.?(window|length|overflow)|prompt is too long|maximum context|too many (input )?tokens"
    r"|exceeds the limit of \d+",
    re.IGNORECASE,
)
_CUT_OFF = re.compile(r"output.?length|max_output_tokens|output token maximum", re.IGNORECASE)
_REFUSED = re.compile(
    r"content.?filter|content management policy|usage polic(y|ies)|safety (system|guidelines)"
    r"|unable to respond to this request|\bmodel.?refus(al|ed)",
    re.IGNORECASE,
)
_BROKE_OFF = re.compile(
    r"stream|disconnected|incomplete|timed? ?out|connection|ECONNRESET|socket|internal ?server ?error",
    re.IGNORECASE,
)
_NOT_REACHED = re.compile(
    r"connection refused|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|getaddrinfo|name resolution", re.IGNORECASE
)
_LOCAL = {"ollama", "ollama_chat", "lmstudio", "lm_studio"}
_KEYS = {
    "google": ("GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY"),
    "vertex_ai": (),
    "bedrock": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "amazon-bedrock": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
}
_FAMILIES = (
    (re.compile(r"claude|sonnet|opus|haiku"), "anthropic"),
    (re.compile(r"gpt-|chatgpt|o\d(-|$)|codex"), "openai"),
    (re.compile(r"gemini"), "gemini"),
    (re.compile(r"deepseek"), "deepseek"),
)


def is_provider_failure(text: str) -> bool:
    """Whether an error text is about limits, keys, overload or the network, and not about the task."""
    return _FAILURES.search(text) is not None and _own_failure(text) is None


def is_overflow(text: str) -> bool:
    """Whether an error text is about the model's window being too small."""
    return _OVERFLOW.search(text) is not None


def failure(text: str, otherwise: str) -> Report:
    """The report of a program's error message.

    A context overflow and a refusal of the model are the candidate's own failures; every other error between a
    program and its model is unrelated to the action under test.
    """
    message = one_line(text) or otherwise
    own = _own_failure(text)
    return Report("error", "provider", message) if own is None else replace(own, message=message)


def broke_off(text: str) -> bool:
    """Whether an answer may have been sent, and charged, in part before the error; a refused connection is free."""
    return _BROKE_OFF.search(text) is not None and _NOT_REACHED.search(text) is None


def refused(text: str = "") -> Report:
    """The report of a model that would not do the task."""
    return Report("failed", message=one_line(text) or "the model refused", fail_code=REFUSED)


def _own_failure(text: str) -> Report | None:
    if is_overflow(text):
        return Report("failed", fail_code=CONTEXT_OVERFLOW)
    if _CUT_OFF.search(text):
        return Report("failed")
    return refused() if _REFUSED.search(text) else None


def secret_names(model: str | None) -> tuple[str, ...]:
    """The secrets that a program may have to reach `model` (`provider/name` or a well-known bare name)."""
    if model is None:
        return ()
    provider, slash, _ = model.strip().lower().partition("/")
    if not slash:
        provider = next((owner for pattern, owner in _FAMILIES if pattern.match(provider)), "")
    if not provider or provider in _LOCAL:
        return ()
    if provider in _KEYS:
        return _KEYS[provider]
    return (re.sub(r"[^A-Z0-9]", "_", provider.upper()) + "_API_KEY",)
