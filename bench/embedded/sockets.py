"""Peer credentials of Unix sockets."""

import socket
import struct
import sys
from pathlib import Path

# macOS: LOCAL_PEERPID of SOL_LOCAL, which Python has no names for.
_SOL_LOCAL, _LOCAL_PEERPID = 0, 2


def listener(path: Path) -> int:
    """The pid of the process that listens on a Unix socket, from its peer credentials; 0 where nothing answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.settimeout(5)
            probe.connect(str(path))
        except OSError:
            return 0
        if sys.platform != "linux":
            return int(probe.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID))
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])
