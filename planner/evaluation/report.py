"""An evaluation as Markdown, to be read top down: what it comes to, outcomes, labels, calibration."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

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


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _dollars(value: float) -> str:
    return f"{'−' if value < 0 else ''}${abs(value):.3f}"


def _minutes(value: float) -> str:
    return f"{value:.1f} min"


_FORMATS: Final[dict[str, Callable[[float], str]]] = {
    "exact": _share,
    **{
        metric.name: {"share": _share, "usd": _dollars, "minutes": _minutes, "ratio": _share}[metric.unit]
        for metric in METRICS
    },
}


def report_markdown(figures: Json) -> str:
    """The report of the figures that `evaluate` gives."""
    parts = [_head(figures), _summary(figures), _outcomes(figures), _differences(figures), _labels(figures)]
    parts += [_calibration(figures), _reading(figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(figures: Json) -> str:
    dataset = figures["dataset"]
    return (
        f"# Evaluation of `{figures['policy']}`\n\n"
        f"{figures['examples']} examples of {figures['issues']} issues: the {dataset['split']} split of "
        f"`{dataset['path']}` (hash `{dataset['dataset_hash'][:12]}`, epoch `{dataset['epoch'] or 'mixed'}`). "
        "No issue of it was trained on. "
        f"Below a confidence of {figures['threshold']:g} a kernel takes the baseline's action instead; the "
        f"line `{figures['policies'][1]['policy']}` is what such a kernel does."
    )


def _summary(figures: Json) -> str:
    metrics = ("pass_rate", "cost_per_pass", "mean_time_to_pass") if figures["benched"] else ("exact",)
    lines = [
        f"- {_TITLES[one['metric']]} against `{one['reference']}`: {_difference(one)}"
        f"{' over' if one['estimate'] is not None else ','} {one['issues']} issues, "
        f"{one['issues_that_differ']} of which tell the two apart: **{one['verdict']}**"
        for metric in metrics
        for one in figures["differences"]
        if one["policy"] == figures["policy"] and one["metric"] == metric
    ]
    if not figures["benched"]:
        lines.append(
            "- outcomes: **absent**. No example of the split was benched, so nothing is known about passes, "
            "cost or time of other actions than the one executed"
        )
    if not figures["shuffled_control"]:
        lines.append(
            "- the control trained on shuffled labels is **missing**: train one with "
            "`planner train --shuffle-labels` and name it with `--shuffled`"
        )
    return "## What it comes to\n\n" + "\n".join(lines)


def _outcomes(figures: Json) -> str:
    facts = figures["benched"]
    if not facts:
        return ""
    titles = ["policy", "unobserved", *(_TITLES[metric.name] for metric in METRICS)]
    rows = [
        [
            f"`{one['policy']}`",
            _share(one["outcomes"]["unobserved_share"]),
            *(_with_interval(metric.name, one["outcomes"][metric.name]) for metric in METRICS),
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
        "The oracle knows the outcomes it is judged by. Regrets against it are therefore too high: it is the "
        "best action and, in part, the luckiest."
    )
    if facts["single_replicate_share"] > 0:
        note += (
            f" {_share(facts['single_replicate_share'])} of the actions were tried once only, where luck and "
            "merit cannot be told apart: read regret as an upper bound."
        )
    if facts["unknown_cost_share"] > 0:
        note += f" The cost of {_share(facts['unknown_cost_share'])} of them is unknown and left out."
    return note + " Issues on which nothing passed have no label and are not in a dataset."


def _differences(figures: Json) -> str:
    if not figures["differences"]:
        return ""
    titles = ["policy", "reference", "metric", "difference", "issues", "differ", "verdict"]
    rows = [
        [
            f"`{one['policy']}`",
            f"`{one['reference']}`",
            _TITLES[one["metric"]],
            _difference(one),
            str(one["issues"]),
            str(one["issues_that_differ"]),
            one["verdict"],
        ]
        for one in figures["differences"]
    ]
    return "## Differences\n\n" + _table(titles, rows)


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
        _with_interval("exact", found["exact"]),
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
    rows = []
    for one in figures["policies"]:
        found = one["labels"]
        pairs = [(found["ece"], found["mce"])]
        pairs += [(found["head_ece"][head], found["head_mce"][head]) for head in HEADS]
        rows.append([f"`{one['policy']}`", *(f"{error:.3f}" for pair in pairs for error in pair)])
    return (
        "## Calibration\n\n"
        + _table(titles, rows)
        + "\n\n![Reliability: accuracy against confidence](reliability.png)"
        + "\n\n![Risk against coverage](risk_coverage.png)"
    )


def _reading(figures: Json) -> str:
    lines = [
        f"- Intervals are 95 % percentile intervals of {figures['resamples']} resamples of issues (seed "
        f"{figures['seed']}), not corrected for how many there are. With few issues they are too narrow.",
        "- Differences are policy − reference on the examples where the actions of both were tried. "
        f"*Shown* means: the interval lies on the better side of 0 and at least {FEWEST_THAT_DIFFER} issues "
        "tell the two apart. Everything else is *not shown*, worse results included.",
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


def _with_interval(name: str, found: Json) -> str:
    form = _FORMATS[name]
    if found["estimate"] is None:
        return _NONE
    if found["low"] is None:
        return f"{form(found['estimate'])} (no interval)"
    return f"{form(found['estimate'])} ({form(found['low'])} … {form(found['high'])})"


def _difference(one: Json) -> str:
    if one["estimate"] is None:
        return "not known"
    return ("+" if one["estimate"] >= 0 else "") + _with_interval(one["metric"], one)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rules = ["---", *["--:"] * (len(titles) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rules, *rows))
