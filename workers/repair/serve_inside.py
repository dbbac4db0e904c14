"""Server of a gate's tests in the gate's own interpreter, in place of pytest, over an inherited socket.

`serve_inside.py FD:MODE PYTEST-ARGUMENTS`. The modules of this package that are needed here use the standard library
and pytest alone, and are imported without an entry in `sys.path`: the code under repair can import only its own.
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
    """Set the import path as `python -m pytest` or the program `pytest` does."""
    if sys.path and os.path.abspath(sys.path[0]) == HERE:
        del sys.path[0]
        if mode == "module":
            sys.path.insert(0, os.getcwd())


def make_package() -> None:
    """Make `workers.repair` importable from this directory, and nothing else of `workers`."""
    outer, inner = types.ModuleType("workers"), types.ModuleType("workers.repair")
    outer.__path__, inner.__path__ = [], [HERE]
    sys.modules.update({"workers": outer, "workers.repair": inner})


def refuse(sock: socket.socket, why: str) -> None:
    """Send an error instead of the first message: no test can be run."""
    body = json.dumps({"error": why}).encode()
    sock.sendall(struct.pack(">I", len(body)) + body)


def main() -> None:
    """Serve until the peer closes the socket."""
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
