"""Client side of one session: file system access within the working directory, and permissions."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acp import ReadTextFileResponse, RequestError, RequestPermissionResponse, WriteTextFileResponse
from acp.schema import AllowedOutcome, DeniedOutcome, PermissionOption

from workers.acp.stream import write_line

_PREFERRED = ("allow_always", "allow_once")


class SessionClient:
    """Handler of an agent's requests: it allows every tool call, and reads and writes files below `root` alone.

    The sandbox confines the agent; the limit to `root` keeps what is edited by request inside the patch.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def session_update(self, **_: Any) -> None:
        """Ignored here: the connection's observer writes the messages as they were sent."""

    async def request_permission(
        self, tool_call: Any, options: Sequence[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        """Selects an option that allows the call; cancels it where none is offered."""
        allowed = sorted(
            (option for option in options if option.kind in _PREFERRED),
            key=lambda option: _PREFERRED.index(option.kind),
        )
        title = str(getattr(tool_call, "title", None) or "")
        write_line("permission", title=title, option=allowed[0].name if allowed else None)
        if not allowed:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        chosen = AllowedOutcome(outcome="selected", option_id=allowed[0].option_id)
        return RequestPermissionResponse(outcome=chosen)

    async def read_text_file(
        self, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> ReadTextFileResponse:
        """Text of a file, from the 1-based `line` on. Raises `RequestError` outside of the working directory."""
        try:
            text = self._inside(path).read_text("utf-8", "replace")
        except OSError as error:
            raise RequestError.invalid_params({"details": f"{path}: {error.strerror}"}) from None
        if line is None and limit is None:
            return ReadTextFileResponse(content=text)
        start = max((line or 1) - 1, 0)
        lines = text.splitlines(keepends=True)[start:]
        return ReadTextFileResponse(content="".join(lines if limit is None else lines[:limit]))

    async def write_text_file(self, path: str, content: str, **_: Any) -> WriteTextFileResponse:
        """Writes a whole file. Raises `RequestError` outside of the working directory."""
        target = self._inside(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, "utf-8")
        except OSError as error:
            raise RequestError.invalid_params({"details": f"{path}: {error.strerror}"}) from None
        return WriteTextFileResponse()

    def _inside(self, path: str) -> Path:
        """The real path, links followed."""
        try:
            real = Path(os.path.realpath(self._root / path))
        except ValueError:
            raise RequestError.invalid_params({"details": "the path holds a NUL byte"}) from None
        if not real.is_relative_to(self._root):
            raise RequestError.invalid_params({"details": f"{path} lies outside of {self._root}"})
        return real
