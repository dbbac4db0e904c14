"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification): dispatch of a request's bytes to a response's bytes."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_BUSY: Final = -32000
RELOAD_REFUSED: Final = -32001
TOO_LARGE: Final = -32002

MAX_BATCH: Final = 100
_ENDLESS: Final = (math.inf, -math.inf)

_log = logging.getLogger(__name__)
Json = dict[str, Any]
Method = Callable[[Mapping[str, Any]], Any]


class RpcError(Exception):
    """Error response: a code of the protocol and a message of one line."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(
    request: bytes, methods: Mapping[str, Method], failed: Callable[[int], None] = lambda _code: None
) -> bytes | None:
    """Dispatch one request or batch to `methods`. Never raises. `failed` gets the code of each error response.

    Returns the response without a line break; None where all requests were notifications.
    """
    try:
        response = _answers(_parsed(request), methods, failed)
    except RpcError as error:
        failed(error.code)
        response = failure(None, error)
    try:
        return None if response is None else encode(response)
    except (ValueError, RecursionError) as error:  # a result that JSON cannot represent, such as infinity
        _log.exception("a response cannot be serialised")
        failed(INTERNAL_ERROR)
        return encode(failure(None, RpcError(INTERNAL_ERROR, f"no answer: {type(error).__name__}")))


def encode(response: Any) -> bytes:
    """Serialise as one line of ASCII JSON: an id echoed from a request may hold a lone surrogate."""
    return json.dumps(response, separators=(",", ":"), allow_nan=False).encode()


def failure(request_id: Any, error: RpcError) -> Json:
    """An error response."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": error.code, "message": str(error)}}


def _answers(parsed: Any, methods: Mapping[str, Method], failed: Callable[[int], None]) -> Any:
    if not isinstance(parsed, list):
        return _single(parsed, methods, failed)
    if not 1 <= len(parsed) <= MAX_BATCH:
        raise RpcError(INVALID_REQUEST, f"a batch holds 1 to {MAX_BATCH} requests, not {len(parsed)}")
    responses = [
        response for request in parsed if (response := _single(request, methods, failed)) is not None
    ]
    return responses or None


def _single(request: Any, methods: Mapping[str, Method], failed: Callable[[int], None]) -> Json | None:
    request_id = None
    try:
        request_id = _id_of(request)
        result = _call(request, methods)
    except RpcError as error:
        failed(error.code)
        # An invalid request gets an error response even without a readable id.
        broken = error.code == INVALID_REQUEST
        return failure(request_id, error) if broken or "id" in request else None
    return {"jsonrpc": "2.0", "id": request_id, "result": result} if "id" in request else None


def _id_of(request: Any) -> str | int | float | None:
    if not isinstance(request, dict):
        raise RpcError(INVALID_REQUEST, f"a request is an object, not {type(request).__name__}")
    request_id = request.get("id")
    if request_id is None or isinstance(request_id, str):
        return request_id
    # 1e999 is valid JSON, but it parses to infinity, which is not.
    if isinstance(request_id, bool) or not isinstance(request_id, int | float) or request_id in _ENDLESS:
        raise RpcError(INVALID_REQUEST, "id must be a text, a number or null")
    return request_id


def _call(request: Json, methods: Mapping[str, Method]) -> Any:
    if request.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"')
    name, params = request.get("method"), request.get("params", {})
    if not isinstance(name, str):
        raise RpcError(INVALID_REQUEST, "method must be a text")
    if not isinstance(params, dict | list):
        raise RpcError(INVALID_REQUEST, "params must be an object")
    if name not in methods:
        raise RpcError(METHOD_NOT_FOUND, f"no method {name!r:.60}; known: {', '.join(methods)}")
    if isinstance(params, list):
        raise RpcError(INVALID_PARAMS, "params are given by name, as an object")
    try:
        return methods[name](params)
    except RpcError:
        raise
    except Exception as error:
        _log.exception("method %s failed", name)
        raise RpcError(INTERNAL_ERROR, f"{name} failed: {type(error).__name__}") from None


def _parsed(request: bytes) -> Any:
    try:
        return json.loads(request.decode(), parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {' '.join(str(error).split()):.200}") from None


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    document = dict(pairs)
    if len(document) < len(pairs):
        # Parsers disagree on which of the two values counts.
        raise ValueError("duplicate key in an object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
