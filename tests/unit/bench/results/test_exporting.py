"""Concurrent exports of archives leave whole copies."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.results.archives import export_archives


def test_two_exports_at_once_leave_whole_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "one").mkdir(parents=True)
    (source / "one" / "manifest.json").write_text("{}")
    counts: list[tuple[int, int]] = []
    other = threading.Thread(target=lambda: counts.append(export_archives(source, target, None)))
    copy = shutil.copytree

    def half_way(*asked: Any, **named: Any) -> Any:
        copied = copy(*asked, **named)
        if not other.is_alive() and not counts:
            other.start()
            other.join(0.3)
        return copied

    monkeypatch.setattr(shutil, "copytree", half_way)
    counts.append(export_archives(source, target, None))
    other.join()
    assert sorted(counts) == [(0, 1), (1, 0)]
    assert [path.name for path in target.rglob("*")] == ["one", "manifest.json"]


@pytest.mark.parametrize("broken", ["{", "[]", '{"bench": [1]}'])
def test_an_invalid_manifest_is_refused_with_the_correction(tmp_path: Path, broken: str) -> None:
    (tmp_path / "source" / "one").mkdir(parents=True)
    (tmp_path / "source" / "one" / "manifest.json").write_text(broken)
    with pytest.raises(BenchError, match=r"one/manifest\.json is no manifest; move one away"):
        export_archives(tmp_path / "source", tmp_path / "target", "b-1")
