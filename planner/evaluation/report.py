"""An evaluation as Markdown, to be read top down: what it comes to, outcomes, labels, calibration."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from planner.evaluation.intervals import FEWEST_THAT_DIFFER
from planner.evaluation.outcomes import METRICS
from planner.heads import HEADS

Json = dict[str, Any]
_TITLES: Final = {
    "exact": "exact match",
    "pass_rate": "pass rate",
    "cost_per_pass": "cost per pass",
    "mean_time_to_pass": "mean time to pass",
    "pass_regret": "pass regret",
    "missed_passes": "missed passes",
    "time_regret": "time regret",
    "cost_regret": "cost regret",
}
_NONE: Final = "–"


class _Unit(NamedTuple):
    """How a number of this unit is written: scaled, with so many decimals, between two marks."""

    before: str
    after: str
    scale: float
    decimals: int


_UNITS: Final = {
    "share": _Unit("", " %", 100, 1),
    "ratio": _Unit("", " %", 100, 1),
    "points": _Unit("", " points", 100, 1),
    "usd": _Unit("$", "", 1, 3),
    "minutes": _Unit("", " min", 1, 1),
}
_UNIT_OF: Final = {"exact": "share", **{metric.name: metric.unit for metric in METRICS}}


def report_markdown(figures: Json) -> str:
    """The report of the figures that `evaluate` gives."""
    summary = "## What it comes to\n\n" + "\n".join(f"- {line}" for line in summary_lines(figures))
    parts = [_head(figures), summary, _outcomes(figures), _differences(figures), _labels(figures)]
    parts += [_calibration(figures), _reading(figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(figures: Json) -> str:
    dataset = figures["dataset"]
    return (
        f"# Evaluation of `{figures['policy']}`\n\n"
        f"{figures['examples']} examples of {figures['issues']} issues: the {dataset['split']} split of "
        f"`{dataset['path']}` (hash `{dataset['dataset_hash'][:12]}`, epoch `{dataset['epoch'] or 'mixed'}`). "
        f"{_provenance(figures)} "
        f"Below a confidence of {figures['threshold']:g} a kernel takes the baseline's action instead; the "
        f"line `{figures['policies'][1]['policy']}` is what such a kernel does."
    )


def _provenance(figures: Json) -> str:
    trained_on = figures["model"]["dataset_hash"]
    if trained_on != figures["dataset"]["dataset_hash"]:
        name = f"another dataset (`{trained_on[:12]}`)" if trained_on else "data that it does not name"
        return f"The policy was trained on {name}: **it may have seen these issues**."
    if figures["dataset"]["split"] == "val":
        return "Its weights and temperatures were **chosen on this split**: figures are better than on new issues."
    return "No issue of it was trained on."


def summary_lines(figures: Json) -> list[str]:
    """What it comes to, one finding a line, in Markdown."""
    metrics = ("pass_rate", "cost_per_pass", "mean_time_to_pass") if figures["benched"] else ("exact",)
    lines = [
        f"{_TITLES[one['metric']]} against `{one['reference']}`: {_difference(one)}; "
        f"{one['issues_that_differ']} of {one['issues']} issues tell the two apart: {_verdict(one)}"
        for metric in metrics
        for one in figures["differences"]
        if one["policy"] == figures["policy"] and one["metric"] == metric
    ]
    if figures["benched"]:
        lines.append("a gain in one of these that is paid for in another is a trade, not a gain")
    else:
        lines.append(
            "outcomes: **absent**. No example of the split was benched, so nothing is known about passes, "
            "cost or time of other actions than the one executed"
        )
    if not figures["shuffled_control"]:
        lines.append(
            "the control trained on shuffled labels is **missing**: train one with "
            "`planner train --shuffle-labels` and name it with `--shuffled`"
        )
    return lines


def _outcomes(figures: Json) -> str:
    facts = figures["benched"]
    if not facts:
        return ""
    titles = ["policy", "unobserved", *(_TITLES[metric.name] for metric in METRICS)]
    rows = [
        [
            f"`{one['policy']}`",
            _share(one["outcomes"]["unobserved_share"]),
            *(_with_interval(one["outcomes"][metric.name], _UNITS[metric.unit]) for metric in METRICS),
        ]
        for one in figures["policies"]
    ]
    return "\n\n".join(
        [
            "## Outcomes",
            f"{facts['examples']} benched examples of {facts['issues']} issues, with "
            f"{facts['arms_an_example']:.1f} actions tried on each. {_oracle_note(facts)}",
            _table(titles, rows),
        ]
    )


def _oracle_note(facts: Json) -> str:
    note = (
        "The oracle-in-bench is optimistic: it knows the outcomes it is judged by, so it is the best action and, "
        "in part, the luckiest. Regrets against it are too high."
    )
    if facts["single_replicate_share"] > 0:
        note += (
            f" {_share(facts['single_replicate_share'])} of the actions were tried once only, where luck and "
            "merit cannot be told apart: read regret as an upper bound."
        )
    if facts["unknown_cost_share"] > 0:
        note += f" The cost of {_share(facts['unknown_cost_share'])} of them is unknown and left out."
    return (
        note
        + " A bench labels no issue on which nothing passed: pass rates are of issues that can be solved."
    )


def _differences(figures: Json) -> str:
    found = figures["differences"]
    if not found:
        return ""
    references = list(dict.fromkeys(one["reference"] for one in found))
    metrics = list(dict.fromkeys(one["metric"] for one in found))
    others = list(dict.fromkeys(one["policy"] for one in found if one["policy"] != figures["policy"]))
    cells = {(one["policy"], one["reference"], one["metric"]): _cell(one) for one in found}
    titles = [f"− `{reference}`" for reference in references]
    own = [
        [_TITLES[metric], *(cells[figures["policy"], reference, metric] for reference in references)]
        for metric in metrics
    ]
    decisive = "pass_rate" if figures["benched"] else "exact"
    rest = [
        [f"`{policy}`", *(cells.get((policy, reference, decisive), _NONE) for reference in references)]
        for policy in others
    ]
    return "\n\n".join(
        [
            "## Differences",
            _table([f"`{figures['policy']}`", *titles], own),
            f"The others, by {_TITLES[decisive]}:",
            _table(["policy", *titles], rest),
        ]
    )


def _cell(one: Json) -> str:
    return f"{_difference(one)}; {one['issues_that_differ']}/{one['issues']} issues; {_verdict(one)}"


def _verdict(one: Json) -> str:
    return f"**{one['verdict']}**" + (" (worse)" if one["worse"] else "")


def _labels(figures: Json) -> str:
    titles = ["policy", "exact match", *HEADS, "soft label", "entropy", "top-1", "unique"]
    titles += ["abstain", "exact when sure", "AURC"]
    rows = [[f"`{one['policy']}`", *_label_cells(one["labels"])] for one in figures["policies"]]
    own = figures["labels"]
    blank = [_NONE] * 3
    rows.append(
        ["the labels", *[_NONE] * (2 + len(HEADS)), *_collapse_cells(own), *blank],
    )
    return "## Labels\n\n" + _table(titles, rows)


def _label_cells(found: Json) -> list[str]:
    sure = found["exact_when_sure"]
    return [
        _with_interval(found["exact"], _UNITS["share"]),
        *(_share(found["heads"][head]) for head in HEADS),
        _share(found["soft_label_share"]),
        *_collapse_cells(found),
        _share(found["abstain_rate"]),
        _NONE if sure is None else _share(sure),
        f"{found['aurc']:.3f}",
    ]


def _collapse_cells(found: Json) -> list[str]:
    return [f"{found['entropy']:.2f}", _share(found["top1"]), str(found["unique"])]


def _calibration(figures: Json) -> str:
    titles = ["policy", *(f"{name} {error}" for name in ("action", *HEADS) for error in ("ECE", "MCE"))]
    named = [(f"`{one['policy']}`", one["labels"]) for one in figures["policies"]]
    if figures["before_calibration"]:
        named.insert(0, (f"`{figures['policy']}` before calibration", figures["before_calibration"]))
    return (
        "## Calibration\n\n"
        + _table(titles, [[name, *_error_cells(found)] for name, found in named])
        + "\n\n![Reliability: accuracy against confidence](reliability.png)"
        + "\n\n![Risk against coverage](risk_coverage.png)"
    )


def _error_cells(found: Json) -> list[str]:
    pairs = [(found["ece"], found["mce"])]
    pairs += [(found["head_ece"][head], found["head_mce"][head]) for head in HEADS]
    return [f"{error:.3f}" for pair in pairs for error in pair]


def _reading(figures: Json) -> str:
    lines = [
        f"- Intervals are 95 % percentile intervals of {figures['resamples']} resamples of issues (seed "
        f"{figures['seed']}), not corrected for how many there are. With few issues they are too narrow.",
        "- Differences are policy − reference on the examples where the actions of both were tried. "
        f"*Shown* means: the interval lies on the better side of 0 and at least {FEWEST_THAT_DIFFER} issues "
        "tell the two apart. Everything else is *not shown*; *(worse)* marks a loss that is as clear. "
        "`13/21 issues` reads: 13 of 21 tell the two apart.",
        "- *unobserved*: the policy's action was not tried on the example; its outcome is unknown and left "
        "out, which favours policies that choose what is often tried.",
        *(f"- *{_TITLES[metric.name]}*: {metric.meaning}" for metric in METRICS),
        "- *soft label*: mean weight that the soft label gives the action. *entropy* (nats), *top-1* and "
        "*unique* describe how the actions taken spread; a policy with one action has entropy 0.",
        "- *AURC*: mean share of wrong labels when only the surest are decided, over all coverages.",
        "- ECE and MCE use 15 bins of equal mass. Policies that are always certain have confidence 1. "
        "`uniform` draws its action; its figures are expectations.",
    ]
    return "## How to read this\n\n" + "\n".join(lines)


def _share(value: float) -> str:
    return _with_interval({"estimate": value}, _UNITS["share"])


def _difference(one: Json) -> str:
    if one["estimate"] is None:
        return "not known"
    unit = _UNIT_OF[one["metric"]]
    return _with_interval(one, _UNITS["points" if unit in {"share", "ratio"} else unit], plus="+")


def _with_interval(found: Json, unit: _Unit, plus: str = "") -> str:
    """`3.1 % (2.0 … 4.2)`; `plus` stands before what is above 0."""
    if found["estimate"] is None:
        return _NONE
    text = _number(found["estimate"], unit, plus, unit.before) + unit.after
    if "low" not in found:
        return text
    if found["low"] is None:
        return f"{text} (no interval)"
    return f"{text} ({_number(found['low'], unit, plus)} … {_number(found['high'], unit, plus)})"


def _number(value: float, unit: _Unit, plus: str, before: str = "") -> str:
    rounded = round(value * unit.scale, unit.decimals)
    sign = "−" if rounded < 0 else plus if rounded > 0 else ""
    return f"{sign}{before}{abs(rounded):.{unit.decimals}f}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rules = ["---", *["--:"] * (len(titles) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rules, *rows))
