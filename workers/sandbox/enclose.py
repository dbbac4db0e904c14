"""Bind mounts and privilege drop of one program: `enclose.py PLAN -- PROGRAM …`, which then executes the program.

Started without site packages as the first process of new user and mount namespaces, with all their
capabilities. PLAN is the JSON of `enclosure.Plan`. Any step that fails ends it with one line and exit code 126:
a program never runs with less than was planned. Linux 5.12 or newer (`mount_setattr`).
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from typing import Any

# From <linux/mount.h>, <linux/prctl.h> and <linux/capability.h>.
_MS_BIND, _MS_REC, _MS_NOSUID, _MS_NODEV = 0x1000, 0x4000, 0x2, 0x4
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _RDONLY = 442, -100, 0x8000, 0x1
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION, _MOST_CAPABILITIES = 0x20080522, 64
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)


def read_only(path: str, *, on: bool = True, recursive: bool = False) -> None:
    """Set or clear the read-only flag of the mount at `path`, and of all below it where `recursive`."""
    attributes = _MountAttributes(_RDONLY if on else 0, 0 if on else _RDONLY, 0, 0)
    flags, size = _AT_RECURSIVE if recursive else 0, ctypes.sizeof(_MountAttributes)
    call = (_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, ctypes.byref(attributes), size)
    _check(_libc.syscall(*call), path)


def bind(source: str, path: str) -> None:
    """A mount of `source` at `path`, with what is mounted below it."""
    _check(_libc.mount(os.fsencode(source), os.fsencode(path), None, _MS_BIND | _MS_REC, None), path)


def tmpfs(path: str, size: int) -> None:
    """An empty file system in memory over `path`, for at most `size` bytes."""
    options = f"size={size},mode=1777".encode()
    _check(_libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", _MS_NOSUID | _MS_NODEV, options), path)


def arrange(plan: dict[str, Any]) -> None:
    """Make the mounts of the plan."""
    kept = _kept(plan)
    for path in plan["pinned"]:
        bind(path, path)
    for path in plan["read_only"]:
        bind(path, path)
        read_only(path, recursive=True)
    if plan["whole"]:
        read_only("/", recursive=True)
    for path in plan["scratch"] + plan["hidden"]:
        tmpfs(path, plan["scratch_bytes"])
    for path, handle in kept:
        _mount_point(path, handle)
        bind(f"/proc/self/fd/{handle}", path)
    for path in plan["writes"] + plan["tmp"][1:]:
        read_only(path, on=False)
    for path in plan["hidden"]:
        read_only(path)
    if plan["whole"]:
        read_only("/proc", on=False)
    for _, handle in kept:
        os.close(handle)


def _kept(plan: dict[str, Any]) -> list[tuple[str, int]]:
    """The mount points of what stays visible, each with a descriptor that no later mount covers."""
    flags = os.O_PATH | os.O_CLOEXEC
    kept = [(path, os.open(path, flags)) for path in plan["reads"] + plan["writes"]]
    if plan["tmp"]:
        source, target = plan["tmp"]
        kept.append((target, os.open(source, flags | os.O_NOFOLLOW)))
    return kept


def _mount_point(path: str, handle: int) -> None:
    """Create a mount point at `path` where there is none: it may be in a file system that was just covered."""
    if os.path.exists(path):  # noqa: PTH110 — no pathlib here: it costs milliseconds
        return
    if os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112
        os.makedirs(path)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def loopback_up() -> None:
    """Bring up `lo` of a new network namespace: programs talk to themselves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def drop_privileges() -> None:
    """Drop every capability and set `no_new_privs`: no program that is executed from now on can regain one."""
    for capability in range(_MOST_CAPABILITIES):
        # It fails for numbers above the kernel's last capability; for the others it cannot fail.
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _check(_libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0), "ambient capabilities")
    header, none = struct.pack("Ii", _CAPABILITY_VERSION, 0), bytes(24)
    _check(_libc.capset(header, none), "capabilities")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def main(plan: dict[str, Any], argv: list[str]) -> None:
    """Make the mounts, drop privileges, execute the program."""
    try:
        arrange(plan)
        os.chdir(plan["cwd"])
        if plan["loopback"]:
            loopback_up()
        drop_privileges()
        os.execv(argv[0], argv)  # noqa: S606 — a list, never a shell
    except OSError as error:
        os.write(2, f"sandbox unshare: {error.filename}: {error.strerror}\n".encode(errors="replace"))
    os._exit(126)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[3:])
