"""HTTP failures of model providers: status and error body, as each dialect writes them."""

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class HttpFailure:
    """An error response; types and codes by dialect."""

    status: int
    message: str
    anthropic: str
    openai: str
    code: str | None
    """`error.code` in the OpenAI dialects."""
    gemini: str
    headers: dict[str, str] = field(default_factory=dict)


_CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_WINDOW = "Your input exceeds the context window of this model. Please adjust your input and try again."
_FAILURES: Final = {
    "rate_limit": HttpFailure(
        429,
        "Rate limit reached",
        "rate_limit_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "RESOURCE_EXHAUSTED",
        {"retry-after": "1"},
    ),
    "overloaded": HttpFailure(529, "Overloaded", "overloaded_error", "server_error", None, "UNAVAILABLE"),
    "server_error": HttpFailure(500, "Internal server error", "api_error", "server_error", None, "INTERNAL"),
    "unauthorized": HttpFailure(
        401,
        "invalid x-api-key",
        "authentication_error",
        "invalid_request_error",
        "invalid_api_key",
        "UNAUTHENTICATED",
    ),
    "payment": HttpFailure(
        402,
        "Payment required: this account has no credit",
        "billing_error",
        "insufficient_quota",
        "insufficient_quota",
        "FAILED_PRECONDITION",
    ),
    "no_model": HttpFailure(
        404,
        "model: no-such-model",
        "not_found_error",
        "invalid_request_error",
        "model_not_found",
        "NOT_FOUND",
    ),
    "bad_request": HttpFailure(
        400, "bad request", "invalid_request_error", "invalid_request_error", None, "INVALID_ARGUMENT"
    ),
    "quota": HttpFailure(
        429, _QUOTA, "rate_limit_error", "insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"
    ),
    "overflow": HttpFailure(
        400,
        _WINDOW,
        "invalid_request_error",
        "invalid_request_error",
        "context_length_exceeded",
        "INVALID_ARGUMENT",
    ),
}
_ANTHROPIC: Final = {
    "quota": HttpFailure(400, _CREDIT, "invalid_request_error", "", None, ""),
    "overflow": HttpFailure(
        400, "prompt is too long: 250000 tokens > 200000 maximum", "invalid_request_error", "", None, ""
    ),
}
_GEMINI: Final = {
    "overflow": HttpFailure(
        400,
        "The input token count (1250000) exceeds the maximum number of tokens allowed (1048576).",
        "",
        "",
        None,
        "INVALID_ARGUMENT",
    ),
}


def http_failure(name: str, dialect: str) -> HttpFailure:
    """The failure of that name in a dialect, which may have a status and words of its own."""
    special = {"anthropic": _ANTHROPIC, "gemini": _GEMINI}.get(dialect, {})
    return special.get(name, _FAILURES[name])


def error_body(failure: HttpFailure, dialect: str) -> dict[str, Any]:
    """The body of the error response."""
    if dialect == "anthropic":
        error = {"type": failure.anthropic, "message": failure.message}
        return {"type": "error", "error": error, "request_id": "req_lab"}
    if dialect == "gemini":
        return {"error": {"code": failure.status, "message": failure.message, "status": failure.gemini}}
    return {
        "error": {
            "message": failure.message,
            "type": failure.openai,
            "code": failure.code,
            "param": None,
        }
    }
