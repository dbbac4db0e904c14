"""Terminal tables of policy values: their rows, then refusals and notes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from bench.results.evidence import Evidence
from bench.results.evidence_show import notes, shown
from bench.results.fixed_actions import ALWAYS
from bench.results.value_rows import Quantity, Row, value_rows
from bench.statistics.estimate import Estimate
from bench.statistics.value import PolicyValue
from bench.terminal import FittingTable, percent, styled, table

_NONE: Final = "–"
_MOST_NAMES: Final = 3
_LABELS: Final[Mapping[Quantity, str]] = {
    "value": "",
    "value_here": ", these issues",
    "difference": ", difference",
    "difference_here": ", difference, these issues",
}
_SHOWN: Final[tuple[Quantity, ...]] = ("value", "value_here", "difference")
Quoted = Mapping[Quantity, Row]


def value_parts(
    evidence: Evidence, values: Sequence[PolicyValue], lines: Sequence[str]
) -> list[RenderableType]:
    """The values to quote as a table, then refusals, `lines` on what is estimated, and notes."""
    quoted = _quoted(values)
    title = f"Policy value: {values[0].recommended.estimand}, {evidence.sample}"
    worth = {
        value.policy: _NONE if (checks := value.diagnostics) is None else f"{checks.effective_issues:.0f}"
        for value in values
    }
    wide = table(
        title,
        (
            "policy",
            "issues like these (95 %)>",
            "these issues (95 %)>",
            "against the reference,\nissues like these>",
            "missing>",
            "issues'\nworth>",
        ),
        [(policy, *_cells(rows), _share(rows), worth[policy]) for policy, rows in quoted.items()],
    )
    narrow = table(
        title,
        (
            "policy",
            "issues\nlike these\n(95 %)>",
            "these\nissues\n(95 %)>",
            "against\nreference,\nlike these>",
            "missing>",
        ),
        [(_name(policy), *map(_in_two_lines, _cells(rows)), _share(rows)) for policy, rows in quoted.items()],
    )
    if isinstance(wide, FittingTable):
        wide.narrower = [narrow]
    return [
        wide,
        *_refusals(quoted),
        *_family(quoted),
        *lines,
        *_other_rates(evidence, quoted),
        *notes(evidence),
    ]


def _other_rates(evidence: Evidence, policies: Iterable[str]) -> Iterator[str]:
    """Why another report has other numbers for the fixed actions, where any is among `policies`."""
    if evidence.bench.kind == "bench" and any(policy.startswith(ALWAYS) for policy in policies):
        yield (
            "rates by action in bench report use only the runs of each action; values here also compare within issues, "
            "and the action to use is the answer of bench report"
        )


def _quoted(values: Sequence[PolicyValue]) -> dict[str, dict[Quantity, Row]]:
    """The rows to quote, by policy and quantity."""
    quoted: dict[str, dict[Quantity, Row]] = {value.policy: {} for value in values}
    for row in value_rows(values):
        if row["is_recommended"]:
            quoted[row["policy"]][row["quantity"]] = row
    return quoted


def _name(policy: str) -> Text:
    """A policy in two short lines: the table then fits 80 columns."""
    for start in (ALWAYS, "uniform over "):
        if policy.startswith(start):
            return Text(f"{start.rstrip()}\n{policy.removeprefix(start)}")
    return styled(policy)


def _cells(rows: Quoted) -> tuple[str, str, str]:
    return (
        shown(_estimate(rows["value"])),
        shown(_estimate(rows["value_here"])),
        shown(_estimate(rows["difference"]), signed=True) if "difference" in rows else _NONE,
    )


def _in_two_lines(cell: str) -> Text:
    """A number above its interval, or the ends of bounds above each other."""
    if "(" not in cell:
        return Text(cell.replace(" … ", " …\n"))
    return Text(cell.replace(" % (", " %\n(").replace(" … ", "…"))


def _estimate(row: Row) -> Estimate:
    return Estimate(*(row[field] for field in Estimate._fields))


def _share(row: Quoted) -> str:
    share = row["value"]["missing_share"]
    return _NONE if share is None else f"{100 * share:.1f} %"


def _refusals(quoted: Mapping[str, Quoted]) -> Iterator[str]:
    """A line for each reason, with the policies that it is the reason of."""
    policies: dict[tuple[str, str], list[str]] = {}
    for policy, rows in quoted.items():
        for quantity in _SHOWN:
            why = rows[quantity]["why_not"] if quantity in rows else None
            if why and (quantity == "value" or not rows["value"]["why_not"]):
                policies.setdefault((why, _LABELS[quantity]), []).append(policy)
    for (why, label), names in policies.items():
        yield f"{_listed(names)}{label}: {why}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def _family(quoted: Mapping[str, Quoted]) -> Iterator[str]:
    """How the intervals of the differences were made, where there is one."""
    methods = {
        rows["difference"]["method"]
        for rows in quoted.values()
        if "difference" in rows and rows["difference"]["high"] != rows["difference"]["low"]
    }
    yield from (f"against the reference: {method}" for method in sorted(methods))


def details_parts(value: PolicyValue) -> list[RenderableType]:
    """Every estimator of the value of one policy, then refusals, overlap diagnostics and missing executions."""
    rows = list(value_rows([value]))
    cells = [
        (
            _label(row),
            shown(_estimate(row), signed=row["quantity"].startswith("difference")),
            shown(value.resampled.get(row["estimator"])) if row["quantity"] == "value" else _NONE,
        )
        for row in rows
    ]
    columns = ("estimator", "linearised (95 %)>", "bootstrap (95 %)>")
    parts: list[RenderableType] = [table(f"{value.policy}: {value.recommended.estimand}", columns, cells)]
    labels: dict[str, list[str]] = {}
    for row in rows:
        if row["why_not"]:
            labels.setdefault(row["why_not"], []).append(_label(row))
    parts += [f"{'; '.join(refused)}: {why}" for why, refused in labels.items()]
    checks = value.diagnostics
    if checks is not None:
        parts.append(
            f"largest share of one issue {percent(checks.largest_share)}, unsupported {percent(checks.unsupported)}, "
            f"mean weight {checks.mean_weight:.3f} ± {checks.mean_weight_error:.3f} "
            f"(p = {checks.mean_weight_chance:.2g}), draws against chances p = {checks.counts_chance:.2f}"
        )
    if value.own_missing is not None and value.own_missing.by_class:
        shares = ", ".join(
            f"{100 * share:.1f} % {name}" for name, share in value.own_missing.by_class.items()
        )
        parts.append(f"missing of its own runs: {shares}")
    if value.missing is not None and value.missing.by_class:
        counts = ", ".join(f"{count} {name}" for name, count in value.missing.by_class.items())
        parts.append(f"missing {percent(value.missing.share)} of all executions: {counts}")
    return parts


def _label(row: Row) -> str:
    """The estimator, and the quantity where it is not the value on issues like these."""
    return f"{row['estimator']}{_LABELS[row['quantity']]}"
