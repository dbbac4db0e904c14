"""Reading the JUnit file of a pytest run. The file is untrusted: the tested code can write it too."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from workers.toolchains.untrusted import read_bytes

MAX_BYTES = 32 * 1024 * 1024
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)")


@dataclass(frozen=True)
class Junit:
    """Counts of one run."""

    collected: int
    """Test cases, save the entries that stand for a file that could not be collected."""
    failed: int
    skipped: int
    xfailed: int
    collection_errors: int = 0
    missing_modules: tuple[str, ...] = ()
    """Modules whose absence kept files from being collected."""

    @property
    def passed(self) -> int:
        return max(0, self.collected - self.failed - self.skipped - self.xfailed)

    @property
    def score(self) -> float | None:
        """Share of collected tests that passed; an expected failure counts neither way."""
        judged = self.collected - self.xfailed
        return self.passed / judged if judged > 0 else None


def read_junit(path: Path) -> Junit | None:
    """The counts; None where there is no file, or none that makes sense.

    Documents with a DOCTYPE are refused: pytest writes none, and entities can be made to fill the memory.
    """
    try:
        data = read_bytes(path, MAX_BYTES + 1)
        if data is None or len(data) > MAX_BYTES:
            return None
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data.startswith((b"\xfe\xff", b"\xff\xfe")):
            return None
        return _count(ElementTree.fromstring(data))  # noqa: S314 — no DOCTYPE, bounded size
    except (ValueError, ElementTree.ParseError, RecursionError):
        return None


def _count(root: ElementTree.Element) -> Junit:
    collected = failed = skipped = xfailed = 0
    errors = []
    for case in root.iter("testcase"):
        error = case.find("error")
        if error is not None and (error.get("message") or "").startswith("collection failure"):
            errors.append(error.text or "")
            continue
        collected += 1
        skip = case.find("skipped")
        if case.find("failure") is not None or error is not None:
            failed += 1
        elif skip is not None and skip.get("type") == "pytest.xfail":
            xfailed += 1
        elif skip is not None:
            skipped += 1
    missing = {name for text in errors for name in _MISSING_MODULE.findall(text)}
    return Junit(collected, failed, skipped, xfailed, len(errors), tuple(sorted(missing)))
