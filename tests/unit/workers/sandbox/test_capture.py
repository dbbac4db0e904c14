"""Captured output on a disk with little room."""

import io
from pathlib import Path
from typing import Any

from workers.sandbox.capture import Capture


class _Tight(io.RawIOBase):
    """A file that takes seven bytes a call."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        return int(self._file.write(data[:7]))

    def close(self) -> None:
        self._file.close()
        super().close()


def test_what_a_disk_takes_in_parts_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Capture(path, 100) as capture:
        tight: Any = _Tight(capture._file)
        capture._file = tight
        capture.feed(bytes(range(80)))
    assert path.read_bytes() == bytes(range(80))
