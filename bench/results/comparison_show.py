"""Terminal tables of a comparison of two benches, the paired difference first."""

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from bench.config.money import format_usd
from bench.results.comparison import BenchComparison
from bench.statistics.estimate import Estimate
from bench.terminal import Bullet, counted, percent, seconds, styled, table
from db.repositories.bench_pairs import SharedArm
from db.repositories.bench_rows import BenchRow
from planner.actions import all_cells

_MS: Final = 1000
_MICRO: Final = 1_000_000


def comparison_parts(comparison: BenchComparison) -> list[RenderableType]:
    """The paired difference in one sentence with what it rests on, both benches, then each shared arm."""
    return [
        styled(*_headline(comparison)),
        *_basis(comparison),
        _differences(comparison),
        _both(comparison),
        *([_arms(comparison)] if comparison.arms else []),
    ]


def _headline(comparison: BenchComparison) -> tuple[str | tuple[str, str], ...]:
    first, second, passes = comparison.first.bench_id, comparison.second.bench_id, comparison.passes
    if passes.value is None:
        return (("No paired difference: ", "bold"), f"{passes.why_not}.")
    if passes.low is not None and passes.low > 0:
        verdict, style = "passes more often than", "bold green"
    elif passes.high is not None and passes.high < 0:
        verdict, style = "passes less often than", "bold red"
    else:
        verdict, style = "is not clearly different from", "bold yellow"
    return ((f"{second} {verdict} {first}", style), f": {_points(passes)}.")


def _basis(comparison: BenchComparison) -> Iterator[RenderableType]:
    if comparison.arms:
        runs = sum(arm.first_scored + arm.second_scored for arm in comparison.arms)
        yield (
            f"Rests on {counted(comparison.issues, 'issue')} and {counted(len(comparison.arms), 'arm')} that both ran, "
            f"{counted(runs, 'run')}; {comparison.passes.method}."
        )
    else:
        yield "Submit one of them again with the issues, the seed and the strategy of the other, and arms are shared."
    yield from map(Bullet, comparison.epochs)
    moved = sum(not arm.is_same_base for arm in comparison.arms)
    if moved:
        yield Bullet(f"{counted(moved, 'arm')} started from another commit in each")


def _differences(comparison: BenchComparison) -> RenderableType:
    rows = [
        ("pass rate", _points(comparison.passes)),
        ("dollars a run", _amount(comparison.dollars, _dollars)),
        ("time a run", _amount(comparison.seconds, _time)),
    ]
    title = f"Paired difference: {comparison.second.bench_id} minus {comparison.first.bench_id}"
    return table(title, ("", "difference (95 %)>"), rows)


def _both(comparison: BenchComparison) -> RenderableType:
    first, second = comparison.first, comparison.second
    rows = [(name, of(first), of(second)) for name, of in _FACTS.items()]
    scored = [
        sum(arm.first_scored for arm in comparison.arms),
        sum(arm.second_scored for arm in comparison.arms),
    ]
    passed = [
        sum(arm.first_passed for arm in comparison.arms),
        sum(arm.second_passed for arm in comparison.arms),
    ]
    shares = [_share(*pair) for pair in zip(passed, scored, strict=True)]
    return table(
        "Both benches", ("", first.bench_id, second.bench_id), [*rows, ("passed on shared arms", *shares)]
    )


_FACTS: Final[dict[str, Callable[[BenchRow], str]]] = {
    "state": lambda bench: bench.state,
    "submitted (UTC)": lambda bench: f"{bench.created_at.astimezone(UTC):%Y-%m-%d %H:%M}",
    "slice": lambda bench: bench.slice,
    "strategy": lambda bench: f"{bench.strategy} K={bench.k}, seed {bench.seed}",
    "objective": lambda bench: bench.objective.replace("_", " "),
    "executions": lambda bench: str(bench.executions_spent),
    "spent": lambda bench: format_usd(bench.usd_spent),
}


def _arms(comparison: BenchComparison) -> RenderableType:
    first, second = comparison.first.bench_id, comparison.second.bench_id
    columns = (
        *("issue", "action", "case", f"passed in {first}>", "cost>", "time>"),
        *("case", f"passed in {second}>", "cost>", "time>", ""),
    )
    return table("Shared arms", columns, [_arm(arm) for arm in comparison.arms])


def _arm(arm: SharedArm) -> tuple[str | Text, ...]:
    return (
        *(arm.issue_id, all_cells()[arm.canonical_rank].label()),
        *(f"c{arm.first_case}", f"{arm.first_passed}/{arm.first_scored}"),
        *(format_usd(_whole(arm.first_micro_usd)), seconds(arm.first_ms)),
        *(f"c{arm.second_case}", f"{arm.second_passed}/{arm.second_scored}"),
        *(format_usd(_whole(arm.second_micro_usd)), seconds(arm.second_ms), _change(arm)),
    )


def _change(arm: SharedArm) -> str | Text:
    before, after = arm.first_passed * arm.second_scored, arm.second_passed * arm.first_scored
    if before == after:
        return ""
    return styled(("passes more", "green")) if after > before else styled(("passes less", "red"))


def _points(estimate: Estimate) -> str:
    """A difference of rates in points."""
    if estimate.value is None:
        return "–"
    between = "" if estimate.low is None else f" ({_point(estimate.low)} … {_point(estimate.high)})"
    return f"{_point(estimate.value)} points{between}"


def _point(share: float | None) -> str:
    return _signed(share or 0.0, f"{abs(100 * (share or 0.0)):.1f}")


def _amount(estimate: Estimate, unit: Callable[[float], str]) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return unit(estimate.value)
    return f"{unit(estimate.value)} ({unit(estimate.low)} … {unit(estimate.high)})"


def _dollars(value: float) -> str:
    return _signed(value, format_usd(round(abs(value) * _MICRO)))


def _time(value: float) -> str:
    return _signed(value, seconds(abs(value) * _MS))


def _signed(value: float, size: str) -> str:
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{size}"


def _share(passed: int, scored: int) -> str:
    return f"{passed}/{scored} ({percent(passed / scored)})" if scored else "–"


def _whole(micro_usd: float | None) -> int | None:
    return None if micro_usd is None else round(micro_usd)
