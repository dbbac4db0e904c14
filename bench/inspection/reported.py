"""Rounds and gates as a worker reported them, read without trust: a value of another type is missing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from workers.untrusted import mapping, sequence


class ReportedGate(NamedTuple):
    """One gate on a candidate's patch."""

    name: str
    passed: bool
    score: float | None
    duration_ms: float | None
    exit_code: int | None
    codes: tuple[str, ...]
    """Fail codes, then warnings."""
    output_tail: str


class ReportedRound(NamedTuple):
    """One run of a toolchain."""

    toolchain: str
    status: str
    duration_ms: float | None
    model_calls: int | None
    tokens_in: int | None
    tokens_out: int | None
    micro_usd: int | None
    message: str
    """With fail codes and warnings."""


def gates_of(document: Mapping[str, Any]) -> list[ReportedGate]:
    """The gates of a candidate, or of an outcome as `{"gates": …}`."""
    return [
        ReportedGate(
            name=_text(gate.get("name")),
            passed=gate.get("passed") is True,
            score=_number(gate.get("score")),
            duration_ms=_number(gate.get("duration_ms")),
            exit_code=_whole(gate.get("exit_code")),
            codes=(*_texts(gate.get("fail_codes")), *_texts(gate.get("warnings"))),
            output_tail=_text(gate.get("output_tail")),
        )
        for gate in map(mapping, sequence(document.get("gates")))
    ]


def rounds_of(document: Mapping[str, Any]) -> list[ReportedRound]:
    """The rounds of a candidate."""
    return [
        ReportedRound(
            toolchain=f"{_text(each.get('toolchain'))} {_text(each.get('toolchain_version'))}".strip(),
            status=_text(each.get("status")),
            duration_ms=_number(each.get("duration_ms")),
            model_calls=_whole(each.get("model_calls")),
            tokens_in=_whole(each.get("tokens_in")),
            tokens_out=_whole(each.get("tokens_out")),
            micro_usd=next(
                (
                    cost
                    for key in ("usd_metered", "usd_reported", "usd_priced")
                    if (cost := _whole(each.get(key))) is not None
                ),
                None,
            ),
            message="; ".join(
                filter(
                    None,
                    (
                        _text(each.get("message")),
                        *_texts(each.get("fail_codes")),
                        *_texts(each.get("warnings")),
                    ),
                )
            ),
        )
        for each in map(mapping, sequence(document.get("rounds")))
    ]


def files_modified(document: Mapping[str, Any]) -> int:
    """How many files a candidate changed."""
    return len(sequence(document.get("files_modified")))


def diff_lines(document: Mapping[str, Any]) -> int | None:
    """How many lines a candidate's patch adds and removes."""
    return _whole(document.get("diff_lines"))


def gates_line(gates: list[ReportedGate]) -> str:
    """`2/3` gates passed, then the names of those that did not."""
    if not gates:
        return "none ran"
    failed = [gate.name for gate in gates if not gate.passed]
    return f"{len(gates) - len(failed)}/{len(gates)}" + (f" ({', '.join(failed)})" if failed else "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [text for text in sequence(value) if isinstance(text, str)]


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
