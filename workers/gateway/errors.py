"""Error responses in the format of each provider, so that its clients can show them."""

from typing import Any

from workers.gateway.providers import Dialect

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    529: "overloaded_error",
}


def error_body(dialect: Dialect, status: int, message: str) -> dict[str, Any]:
    """The JSON body of an error."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    match dialect:
        case "anthropic":
            return {"type": "error", "error": {"type": kind, "message": message}}
        case "gemini":
            return {"error": {"code": status, "message": message, "status": kind.upper()}}
        case _:
            code = "insufficient_quota" if status == 402 else kind
            return {"error": {"message": message, "type": kind, "code": code, "param": None}}
