"""RPC methods of the sidecar (predict, health, reload) with a limit of concurrent predictions."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import Any, Final

from planner.inference import PlannerInference
from planner.serving import rpc
from planner.serving.counters import ServiceCounters

DEFAULT_QUEUE: Final = 64
_PARTS: Final = ("issue", "history", "universe_defaults", "system_state")
_OPTIONAL: Final = ("universe_defaults", "system_state")


class Service:
    """Thread-safe methods of the sidecar over one planner, which `reload` replaces.

    At most `queue` predictions run or wait at one time; further ones fail with `server busy`. A request keeps the
    planner with which it started, so that a reload drops none.
    """

    def __init__(self, make: Callable[[], PlannerInference], queue: int = DEFAULT_QUEUE) -> None:
        self._make = make
        self._planner = make()
        self._queue = queue
        self._lock = threading.Lock()
        self._reloading = threading.Lock()
        self._inside = 0
        self._predicted = 0
        self._busy = 0
        self._reloads = 0
        self._started = monotonic()
        self.counters = ServiceCounters()
        self._methods: Mapping[str, rpc.Method] = {
            "predict": self._predict,
            "health": self._health,
            "reload": self._reload,
        }

    @property
    def problem(self) -> str | None:
        """Why the model was refused, in one line; None where it decides."""
        return self._planner.problem

    def answer(self, request: bytes) -> bytes | None:
        """The response to one request or batch; None for notifications."""
        return rpc.answer(request, self._methods, self.counters.failed)

    @contextmanager
    def _prediction_slot(self) -> Iterator[None]:
        with self._lock:
            if self._inside >= self._queue:
                self._busy += 1
                raise rpc.RpcError(rpc.SERVER_BUSY, f"server busy: {self._queue} predictions in work")
            self._inside += 1
            self._predicted += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    def _predict(self, params: Mapping[str, Any]) -> Any:
        _check(params)
        with self._prediction_slot():
            began, planner = perf_counter(), self._planner
            if "planner_input" in params:
                document = planner.decide(params["planner_input"]).document()
            else:
                document = planner.predict(**params).document()
            self.counters.predicted(document, perf_counter() - began)
        return document

    def _health(self, params: Mapping[str, Any]) -> Any:
        _no_params("health", params)
        return self.health()

    def health(self) -> dict[str, Any]:
        """State and counts of the sidecar."""
        planner = self._planner
        return {
            "status": "ok" if planner.model is not None else "baseline",
            "problem": planner.problem,
            "model": planner.model,
            "predicted": self._predicted,
            "busy": self._busy,
            "reloads": self._reloads,
            "uptime_seconds": round(monotonic() - self._started, 3),
        }

    def _reload(self, params: Mapping[str, Any]) -> Any:
        _no_params("reload", params)
        with self._reloading:
            fresh = self._make()
            if fresh.problem is not None:
                raise rpc.RpcError(rpc.RELOAD_REFUSED, f"the old model stays: {fresh.problem}")
            self._planner = fresh
            self._reloads += 1
        return {"model": fresh.model}


def _no_params(method: str, params: Mapping[str, Any]) -> None:
    if params:
        raise rpc.RpcError(rpc.INVALID_PARAMS, f"{method} takes no params")


def _check(params: Mapping[str, Any]) -> None:
    whole = set(params) == {"planner_input"}
    parts = "issue" in params and set(params) <= set(_PARTS)
    if not whole and not parts:
        wanted = "planner_input alone, or issue with history, universe_defaults, system_state as known"
        raise rpc.RpcError(rpc.INVALID_PARAMS, f"predict takes {wanted}")
    for name, value in params.items():
        kind, optional = (list, False) if name == "history" else (dict, name in _OPTIONAL)
        if not isinstance(value, kind) and not (optional and value is None):
            shape = "a list" if kind is list else "an object"
            raise rpc.RpcError(rpc.INVALID_PARAMS, f"{name} must be {shape}")
