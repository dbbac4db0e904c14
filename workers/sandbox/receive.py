"""Receiver of file descriptors in a container: `receive.py SOCKET -- PROGRAM …`, which then executes the program.

An engine passes no descriptors but the three standard ones. The launcher sends the others over a Unix socket, once;
they get the numbers that they have outside. Run by the image's Python (3.9), without site packages. Any step that
fails ends it with one line and exit code 126; a program that cannot be executed, with 127.
"""

from __future__ import annotations

import json
import os
import socket
import sys

_MOST = 64
_FREE = 256
"""From this number on no descriptor is wanted."""


def receive(path: str) -> None:
    """Take the descriptors, each under the number that it has outside. Raises `OSError`."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        text, descriptors, _, _ = socket.recv_fds(server, 4096, _MOST)
    numbers = json.loads(text)
    # First out of the way: one may have the number that another is to get.
    aside = [_moved(descriptor) for descriptor in descriptors]
    for descriptor, number in zip(aside, numbers):  # noqa: B905 — Python 3.9
        os.dup2(descriptor, number, inheritable=True)
        os.close(descriptor)


def _moved(descriptor: int) -> int:
    import fcntl

    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FREE)
    os.close(descriptor)
    return int(moved)


def main(path: str, argv: list[str]) -> None:
    """Take the descriptors and execute the program."""
    try:
        receive(path)
    except (OSError, ValueError) as error:
        os.write(2, f"sandbox container: descriptors: {error}\n".encode(errors="replace"))
        os._exit(126)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 — a list, never a shell
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode(errors="replace"))
    os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3:])
