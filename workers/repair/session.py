"""Test sessions of a zygote: collected once, with code swapped in (warm), or imported anew in each fork (cold)."""

from __future__ import annotations

import os
import socket
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from workers.repair import compiled, processes, swap, wire
from workers.repair.inside import Plugin, Site, run_tests
from workers.repair.options import kept, quiet_flags
from workers.repair.tracing import Tracer
from workers.repair.zygote import Send, serve, silence

FLAGS = ("--capture=no", "--assert=plain", "-p", "no:randomly")
_NOT_SERVED = 7


class Warm(Plugin):
    """Serves requests from the collected session: each fork swaps code and runs tests."""

    sock: socket.socket

    def loop(self, session: pytest.Session) -> None:
        self.index = swap.index_functions(self.site.root + os.sep)
        wire.send(
            self.sock,
            {
                "tests": [item.nodeid for item in session.items],
                "collect_errors": self.collect_errors,
                "where": self.where,
                "lacks": self.lacks,
                "lines": self.tracer.take(),
                "modules": swap.foreign_modules(self.site.root + os.sep),
            },
        )
        silence()
        serve(self.sock, self.answer)

    def answer(self, request: dict[str, Any], send: Send) -> None:
        edit = request.get("edit")
        if edit and not self._apply(edit):
            send({"cold": True})
            return
        run_tests(self, request, send)

    def _apply(self, edit: dict[str, Any]) -> bool:
        filename = os.path.join(self.site.root, edit["path"])  # noqa: PTH118 - code names files by text
        old, new = (
            compiled.compile_at(edit[which].encode(), edit["line"], filename, edit["flags"])
            for which in ("old", "new")
        )
        return swap.swap(self.index, old, new)


class Once(Plugin):
    """Runs one request in a session of its own."""

    def __init__(self, site: Site, tracer: Tracer, request: dict[str, Any], send: Send) -> None:
        super().__init__(site, tracer)
        self._request, self._send = request, send

    def loop(self, session: pytest.Session) -> None:
        self._send({"collect_errors": self.collect_errors, "tests": len(session.items)})
        if not self.collect_errors:
            run_tests(self, self._request, self._send)


def begin(sock: socket.socket, arguments: Sequence[str]) -> None:
    """Start the session that the first message asks for; `arguments` are the gate's for pytest."""
    processes.die_with_parent()
    processes.adopt_orphans()
    config = wire.receive(sock)
    site = Site(config["root"], frozenset(config["editable"]))
    first = () if config["addopts"] else ("-o", "addopts=")
    args = (*first, *kept(arguments), *quiet_flags())
    if config["modules"] is None:
        warm_body(sock, site, args)
    else:
        silence()
        cold_body(sock, site, args, config["modules"])


def warm_body(sock: socket.socket, site: Site, args: Sequence[str]) -> None:
    """Collect the tests of pytest's `args` with the current code, then serve."""
    site.enter()
    plugin = Warm(site, Tracer(site.path_of))
    plugin.sock = sock
    plugin.tracer.start()
    code = _pytest(args, plugin)
    wire.send(sock, {"error": f"pytest ended with exit code {code} before it ran a test"})


class Cold(Plugin):
    """Serves requests from a configured session: each fork overrides an import, collects, and runs tests."""

    def __init__(self, site: Site, tracer: Tracer, sock: socket.socket) -> None:
        super().__init__(site, tracer)
        self._sock = sock

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        if any(self.site.path_of(name) for name in loaded if isinstance(name, str)):
            return

        def answer(request: dict[str, Any], send: Send) -> None:
            _override(self.site, request)
            session.perform_collect()
            once = Once(self.site, self.tracer, request, send)
            session.config.pluginmanager.unregister(self)
            session.config.pluginmanager.register(once)
            once.pytest_runtestloop(session)

        serve(self._sock, answer)
        os._exit(0)

    def loop(self, session: pytest.Session) -> None:
        """Does nothing: a conftest has already imported the code under repair, so no test can be served."""


def cold_body(sock: socket.socket, site: Site, args: Sequence[str], modules: Sequence[str]) -> None:
    """Import the dependencies but not the code under repair, then serve.

    Where pytest's own configuration imports that code, each fork configures anew.
    """
    site.enter()
    _preload(modules)
    probe = os.fork()
    if probe == 0:
        processes.die_with_parent()
        processes.adopt_orphans()
        _pytest(args, Cold(site, Tracer(site.path_of), sock))
        os._exit(_NOT_SERVED)
    if os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1]) != _NOT_SERVED:
        return

    def answer(request: dict[str, Any], send: Send) -> None:
        _override(site, request)
        _pytest(args, Once(site, Tracer(site.path_of), request, send))

    serve(sock, answer)


def _override(site: Site, request: dict[str, Any]) -> None:
    edit = request.get("edit")
    if edit:
        path = os.path.join(site.root, edit["path"])  # noqa: PTH118 - code names files by text
        swap.override_import(path, edit["source"].encode())


def _preload(modules: Sequence[str]) -> None:
    for name in modules:
        if name not in sys.modules and not name.startswith("__"):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    __import__(name)
            except Exception:  # noqa: S112 - a module that cannot be imported early is imported later
                continue


def _pytest(args: Sequence[str], plugin: Plugin) -> int:
    return int(pytest.main([*args, *FLAGS], plugins=[plugin]))
