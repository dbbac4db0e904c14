"""Tolerant typed access to a record: a value of the wrong type is reported and replaced by the default."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bench.intake.times import parse_time
from planner.system.clock import rfc3339

MAX_DEPTH: Final = 64
_LARGEST: Final = 10**12
_BULLET: Final = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")


class Fields:
    """Typed accessors of one record; `warn` is called for each value of the wrong type."""

    def __init__(self, record: dict[str, Any], warn: Callable[[str], None]) -> None:
        self.record = record
        self.warn = warn

    def first(self, *names: str) -> tuple[str, Any]:
        """The first of `names` that holds a value, and the value; the last name and None where none does."""
        for name in names:
            value = self.record.get(name)
            if value is not None:
                return name, value
        return names[-1], None

    def text(self, *names: str) -> str | None:
        """The text in the first of `names` that holds a value; None where it is no text."""
        name, value = self.first(*names)
        if value is None or isinstance(value, str):
            return value
        self._warn_type(name, value, "text")
        return None

    def prose(self, name: str) -> str:
        """A text; a list of texts is joined by newlines. Empty where there is none."""
        value = self.record.get(name)
        return "\n".join(self.texts(name)) if isinstance(value, list) else self.text(name) or ""

    def time(self, *names: str) -> str | None:
        """A time in RFC 3339, UTC; None where there is none."""
        name, value = self.first(*names)
        if value is None:
            return None
        moment = parse_time(value) if isinstance(value, str) else None
        if moment is None:
            self._warn_type(name, value, "a time")
            return None
        return rfc3339(moment)

    def number(self, name: str) -> int | None:
        """An integer from 0; texts such as "3" are parsed. None where there is none."""
        value = self.record.get(name)
        if value is None:
            return None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            with suppress(ValueError, OverflowError):
                if 0 <= (number := int(float(value))) <= _LARGEST:
                    return number
        self._warn_type(name, value, "a number from 0")
        return None

    def flag(self, name: str) -> bool:
        """A boolean; texts such as "yes" and the numbers 0 and 1 are parsed. False where there is none."""
        value = self.record.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str | int) and str(value).strip().lower() in {"true", "1", "yes"}:
            return True
        if not (isinstance(value, str | int) and str(value).strip().lower() in {"false", "0", "no", ""}):
            self._warn_type(name, value, "true or false")
        return False

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of texts; a single text is split into lines, without list markers."""
        name, value = self.first(*names)
        if isinstance(value, list):
            kept = tuple(item for item in value if isinstance(item, str))
            if len(kept) < len(value):
                self.warn(f"{name}: {len(value) - len(kept)} entries are not text; left out")
            return kept
        if isinstance(value, str):
            lines = (_BULLET.sub("", line).strip() for line in value.splitlines())
            return tuple(line for line in lines if line)
        if value is not None:
            self._warn_type(name, value, "a list of texts")
        return ()

    def choice(self, name: str, value: object, allowed: tuple[str, ...], default: str) -> str:
        """The member of `allowed` that equals `value`, case ignored; `default` where none does."""
        if value is None or value in allowed:
            return default if value is None else str(value)
        folded = str(value).strip().lower()
        for candidate in allowed:
            if candidate.lower() == folded:
                return candidate
        self.warn(f"{name}: {value!r:.40} is not one of {', '.join(allowed)}; taken as {default}")
        return default

    def _warn_type(self, name: str, value: object, wanted: str) -> None:
        self.warn(f"{name}: {value!r:.40} is not {wanted}; left at its default")


def cleaned(value: Any, depth: int = 0) -> Any:
    """Sanitise `value` for PostgreSQL: NUL and lone surrogates are replaced.

    Raises: `ValueError` where it is nested more than `MAX_DEPTH` deep.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, list):
        return [cleaned(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item, depth + 1) for key, item in value.items()}
    return value
