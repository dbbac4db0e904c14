"""Runs in the gate's interpreter in place of pytest: serves the gate's tests over an inherited socket.

`serve_inside.py FD:MODE PYTEST-ARGUMENTS`. The modules of this package that are needed here use the standard library
and pytest alone, and are imported without a place on `sys.path`: the code under repair finds only its own.
"""

import json
import os
import socket
import struct
import sys
import types

OLDEST = (3, 9)
HERE = os.path.dirname(os.path.abspath(__file__))


def take_path(mode: str) -> None:
    """The import path as `python -m pytest` or the program `pytest` has it."""
    if sys.path and os.path.abspath(sys.path[0]) == HERE:
        del sys.path[0]
        if mode == "module":
            sys.path.insert(0, os.getcwd())


def make_package() -> None:
    """Let `workers.repair` be imported from here, and nothing else beside it."""
    outer, inner = types.ModuleType("workers"), types.ModuleType("workers.repair")
    outer.__path__, inner.__path__ = [], [HERE]
    sys.modules.update({"workers": outer, "workers.repair": inner})


def refuse(sock: socket.socket, why: str) -> None:
    """Say in place of a first message why no test can be run."""
    body = json.dumps({"error": why}).encode()
    sock.sendall(struct.pack(">I", len(body)) + body)


def main() -> None:
    """Serve until the other side closes."""
    number, _, mode = sys.argv[1].partition(":")
    arguments = sys.argv[2:]
    sock = socket.socket(fileno=int(number))
    os.set_inheritable(sock.fileno(), False)
    if sys.version_info < OLDEST:
        running, oldest = (".".join(map(str, each[:2])) for each in (sys.version_info, OLDEST))
        return refuse(sock, f"the gate runs Python {running}; the repairer needs {oldest} or newer")
    take_path(mode)
    sys.argv = ["pytest", *arguments]
    make_package()
    try:
        from workers.repair import session
    except ImportError as error:
        return refuse(sock, f"the gate's Python ({sys.executable}) cannot run its tests: {error}")
    return session.begin(sock, arguments)


if __name__ == "__main__":
    main()
