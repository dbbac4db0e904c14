"""Facts about one test for the reporter: its id, its file, and the file whose code raised."""

from __future__ import annotations

import os
import sys
from traceback import walk_tb
from typing import Any

import pytest

_FRAMEWORK = (
    *(os.path.dirname(sys.modules[name].__file__ or "") + os.sep for name in ("_pytest", "pluggy")),
    os.path.join(os.path.dirname(os.__file__), "unittest", ""),
)


def _raising_file(excinfo: Any, otherwise: str) -> str:
    """The file whose code raised: the innermost that is no part of the test framework.

    pytest-subtests wraps exception info twice, and other plugins pass values that only look like one; a test does not
    fail for that.
    """
    while isinstance(getattr(excinfo, "_excinfo", None), type(excinfo)):
        excinfo = excinfo._excinfo
    try:
        # pytest raises a skip of its own while it handles one of unittest.
        cause = excinfo.value.__context__
        if type(cause).__name__ == "SkipTest":
            paths = [frame.f_code.co_filename for frame, _line in walk_tb(cause.__traceback__)]
        else:
            paths = [str(entry.path) for entry in excinfo.traceback]
    except Exception:
        return ""
    return next((path for path in reversed(paths) if not path.startswith(_FRAMEWORK)), otherwise)


def _is_marked(item: pytest.Item) -> bool:
    """Whether a test of unittest, which has no location, is skipped by a decorator on it or its class."""
    owners = (getattr(item, "obj", None), getattr(item, "cls", None))
    return any(getattr(owner, "__unittest_skip__", False) for owner in owners)


def id_of(item: pytest.Item) -> str:
    """The test's id, without the names of groups that xdist adds."""
    groups = {
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))
        for mark in item.iter_markers("xdist_group")
    }
    return item.nodeid.removesuffix(f"@{'_'.join(sorted(groups))}") if groups else item.nodeid


def file_of(item: pytest.Item) -> str:
    """The file that defines the test."""
    return str(getattr(item, "path", None) or getattr(item, "fspath", ""))


def raised_in(item: pytest.Item, call: pytest.CallInfo[None]) -> str:
    """The file whose code skipped or failed the test; empty where that is not known."""
    # unittest keeps what its tests raise, and pytest collects it only afterwards.
    kept = getattr(item, "_excinfo", None) or [None]
    excinfo = call.excinfo or kept[0]
    if excinfo is not None:
        return _raising_file(excinfo, file_of(item))
    return file_of(item) if _is_marked(item) else ""
