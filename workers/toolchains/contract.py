"""Contract of `command` and `repair`: `BENCH_*` variables in, an optional `result.json` out."""

from pathlib import Path

from db.states import ErrorClass
from workers.toolchains.base import Finished, Report, RoundContext
from workers.untrusted import (
    count,
    dollars,
    mapping,
    micro,
    one_line,
    parse_json,
    read_bytes,
    read_tail,
)

MAX_RESULT_BYTES = 64 * 1024
_STATUSES = ("success", "partial", "failed", "error")
_CANNOT_RUN = (126, 127)
"""Exit codes of shells, `env` and sandboxes for a program that is missing or cannot be executed."""


def result_path(context: RoundContext) -> Path:
    """Where the program may leave its result."""
    return context.out / "result.json"


def number(seconds: float) -> str:
    """Seconds as plain decimal text, without exponent or trailing zeros."""
    return f"{max(seconds, 0.0):.3f}".rstrip("0").rstrip(".")


def variables(context: RoundContext) -> dict[str, str]:
    """The round as environment variables; paths are absolute, the budget is in real seconds."""
    return {
        "BENCH_WORKDIR": str(context.checkout),
        "BENCH_PROMPT": str(context.prompt),
        "BENCH_MANIFEST": str(context.manifest),
        "BENCH_RESULT": str(result_path(context)),
        "BENCH_SEED": str(context.seed),
        "BENCH_ROUND": str(context.round),
        "BENCH_BUDGET_SECONDS": number(context.budget_seconds),
    }


def stopped(finished: Finished) -> Report | None:
    """The report of a program that was stopped while it worked, without its costs; None for any other."""
    match finished.ended_by:
        case "exit" | "result":
            return None
        case "budget":
            return Report("partial", message="stopped at its time budget")
        case "silence":
            return Report("failed", message="stopped: it wrote nothing for too long")
        case "cap":
            return Report("error", "killed_by_cap", "stopped at the money reserved for it")
        case _:
            return Report("failed", message="stopped: the execution was cancelled")


def cannot_run(finished: Finished) -> Report | None:
    """The report of a program that this machine cannot run, by its exit code; None for any other.

    One without output cannot have called its model; for one with output, the cost stays as reported.
    """
    if finished.ended_by != "exit" or finished.exit_code not in _CANNOT_RUN:
        return None
    words = " ".join((read_tail(finished.stderr) or f"exit code {finished.exit_code}").split()[-40:])
    wrote = bool(read_bytes(finished.stdout, 1))
    return Report("error", "infra", one_line(f"it cannot run here: {words}"), micro_usd=None if wrote else 0)


def _exited(finished: Finished) -> Report:
    if finished.exit_code == 0:
        return Report("success")
    code = "a signal" if finished.exit_code is None else f"exit code {finished.exit_code}"
    return Report("failed", message=f"ended with {code}")


def _judged(status: object, finished: Finished, message: str, blame: ErrorClass) -> Report:
    if status is None:
        plain = _exited(finished)
        return Report(plain.status, message=message or plain.message)
    if status not in _STATUSES:
        return Report(
            "error", blame, f"result.json: status is not one of {', '.join(_STATUSES)}: {one_line(status)}"
        )
    if status == "error":
        return Report("error", blame, message or "the program reported an error")
    if status == "success" and finished.exit_code != 0:
        return Report("failed", message=f"reported success, but {_exited(finished).message}")
    if status == "failed":
        return Report("failed", message=message)
    return Report("success" if status == "success" else "partial", message=message)


def report(context: RoundContext, finished: Finished, blame: ErrorClass) -> Report:
    """The report by `result.json` and the exit code; `blame` is the class of an invalid result.

    Without a file the exit code alone decides. The costs that a stopped program reported are a lower bound.
    """
    text = read_bytes(result_path(context), MAX_RESULT_BYTES + 1)
    document = None if text is None else parse_json(text)
    fields = mapping(document)
    verdict = stopped(finished) or (cannot_run(finished) if text is None else None)
    if verdict is None and text is not None and not isinstance(document, dict):
        verdict = Report("error", blame, "result.json is not a JSON object")
    if verdict is None:
        verdict = _judged(fields.get("status"), finished, one_line(fields.get("message")), blame)
    return Report(
        verdict.status,
        verdict.error_class,
        verdict.message,
        micro_usd=verdict.micro_usd if text is None else micro(dollars(fields.get("cost_usd"))),
        is_lower_bound=finished.is_stopped,
        tokens_in=count(fields.get("tokens_in")),
        tokens_out=count(fields.get("tokens_out")),
    )


def spent(context: RoundContext) -> int | None:
    """Micro-dollars in the current `result.json`; None where it is missing or partly written."""
    text = read_bytes(result_path(context), MAX_RESULT_BYTES + 1)
    return None if text is None else micro(dollars(mapping(parse_json(text)).get("cost_usd")))
