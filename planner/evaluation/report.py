"""Evaluation report in Markdown: summary, outcomes, differences, labels, calibration."""

from typing import Any

from planner.evaluation.intervals import FEWEST_THAT_DIFFER
from planner.evaluation.markdown import (
    NONE,
    TITLES,
    difference_cell,
    difference_text,
    metric_text,
    share_text,
    table,
    verdict_text,
)
from planner.evaluation.outcomes import METRICS
from planner.space.heads import HEADS
from planner.system.foreign_text import markdown_code

Json = dict[str, Any]


def report_markdown(figures: Json) -> str:
    """Render the figures of `evaluate` as a report."""
    summary = "## Summary\n\n" + "\n".join(f"- {line}" for line in summary_lines(figures))
    parts = [_head(figures), summary, _outcomes(figures), _differences(figures), _labels(figures)]
    parts += [_calibration(figures), _reading(figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(figures: Json) -> str:
    dataset = figures["dataset"]
    return (
        f"# Evaluation of {markdown_code(figures['policy'])}\n\n"
        f"{figures['examples']} examples of {figures['issues']} issues: the {dataset['split']} split of "
        f"{markdown_code(dataset['path'])} (hash {markdown_code(dataset['dataset_hash'][:12])}, "
        f"epoch {markdown_code(dataset['epoch'] or 'mixed')}). "
        f"{_provenance(figures)} "
        f"Below a confidence of {figures['threshold']:g} a kernel takes the baseline's action instead; the "
        f"line {markdown_code(figures['policies'][1]['policy'])} is what such a kernel does."
    )


def _provenance(figures: Json) -> str:
    trained_on = figures["model"]["dataset_hash"]
    if trained_on != figures["dataset"]["dataset_hash"]:
        name = (
            f"another dataset ({markdown_code(trained_on[:12])})"
            if trained_on
            else "data that it does not name"
        )
        return f"The policy was trained on {name}: **it may have seen these issues**."
    if figures["dataset"]["split"] == "val":
        return "Its weights and temperatures were **chosen on this split**: figures are better than on new issues."
    return "No issue of it was trained on."


def summary_lines(figures: Json) -> list[str]:
    """The summary in Markdown, one finding a line."""
    outcomes = ("utility", "pass_rate", "cost_per_pass", "mean_time_to_pass")
    metrics = outcomes if figures["benched"] else ("exact",)
    lines = [
        f"{TITLES[row['metric']]} against {markdown_code(row['reference'])}: {difference_text(row)}; "
        f"they differ on {row['issues_that_differ']} of {row['issues']} issues: {verdict_text(row)}"
        for metric in metrics
        for row in figures["differences"]
        if row["policy"] == figures["policy"] and row["metric"] == metric
    ]
    if figures["benched"]:
        prices = figures["prices"]
        lines.append(
            f"utility is a pass − {prices['dollar']:g} · dollars − {prices['minute']:g} · minutes: a gain in passes, "
            "cost or time that is paid for in another is a trade, not a gain"
        )
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
    titles = ["policy", "unobserved", *(TITLES[metric.name] for metric in METRICS)]
    rows = [
        [
            markdown_code(row["policy"]),
            share_text(row["outcomes"]["unobserved_share"]),
            *(metric_text(metric.name, row["outcomes"][metric.name]) for metric in METRICS),
        ]
        for row in figures["policies"]
    ]
    return "\n\n".join(
        [
            "## Outcomes",
            f"{facts['examples']} benched examples of {facts['issues']} issues, with "
            f"{facts['arms_an_example']:.1f} actions tried on each. {_oracle_note(facts)}",
            table(titles, rows),
        ]
    )


def _oracle_note(facts: Json) -> str:
    note = (
        "The oracle-in-bench is optimistic: it knows the outcomes it is judged by, so it is the best action and, "
        "in part, the luckiest. Regrets against it are too high."
    )
    if facts["single_replicate_share"] > 0:
        note += (
            f" {share_text(facts['single_replicate_share'])} of the actions were tried only once, so luck and "
            "merit are not distinguishable: read regret as an upper bound."
        )
    if facts["unknown_cost_share"] > 0:
        note += f" The cost of {share_text(facts['unknown_cost_share'])} of them is unknown and left out."
    return (
        note
        + " A bench labels no issue on which nothing passed: pass rates are of issues that can be solved."
    )


def _differences(figures: Json) -> str:
    differences = figures["differences"]
    if not differences:
        return ""
    references = list(dict.fromkeys(row["reference"] for row in differences))
    metrics = list(dict.fromkeys(row["metric"] for row in differences))
    others = list(dict.fromkeys(row["policy"] for row in differences if row["policy"] != figures["policy"]))
    cells = {(row["policy"], row["reference"], row["metric"]): difference_cell(row) for row in differences}
    titles = [f"− {markdown_code(reference)}" for reference in references]
    own = [
        [TITLES[metric], *(cells[figures["policy"], reference, metric] for reference in references)]
        for metric in metrics
    ]
    decisive = "pass_rate" if figures["benched"] else "exact"
    rest = [
        [markdown_code(policy), *(cells.get((policy, reference, decisive), NONE) for reference in references)]
        for policy in others
    ]
    return "\n\n".join(
        [
            "## Differences",
            table([markdown_code(figures["policy"]), *titles], own),
            f"The others, by {TITLES[decisive]}:",
            table(["policy", *titles], rest),
        ]
    )


def _labels(figures: Json) -> str:
    titles = ["policy", "exact match", *HEADS, "soft label", "entropy", "top-1", "unique"]
    titles += ["abstain", "exact when sure", "AURC"]
    rows = [[markdown_code(row["policy"]), *_label_cells(row["labels"])] for row in figures["policies"]]
    own = figures["labels"]
    blank = [NONE] * 3
    rows.append(
        ["the labels", *[NONE] * (2 + len(HEADS)), *_collapse_cells(own), *blank],
    )
    return "## Labels\n\n" + table(titles, rows)


def _label_cells(metrics: Json) -> list[str]:
    sure = metrics["exact_when_sure"]
    return [
        metric_text("exact", metrics["exact"]),
        *(share_text(metrics["heads"][head]) for head in HEADS),
        share_text(metrics["soft_label_share"]),
        *_collapse_cells(metrics),
        share_text(metrics["abstain_rate"]),
        NONE if sure is None else share_text(sure),
        f"{metrics['aurc']:.3f}",
    ]


def _collapse_cells(metrics: Json) -> list[str]:
    return [f"{metrics['entropy']:.2f}", share_text(metrics["top1"]), str(metrics["unique"])]


def _calibration(figures: Json) -> str:
    titles = ["policy", *(f"{name} {error}" for name in ("action", *HEADS) for error in ("ECE", "MCE"))]
    named = [(markdown_code(row["policy"]), row["labels"]) for row in figures["policies"]]
    if figures["before_calibration"]:
        named.insert(
            0, (f"{markdown_code(figures['policy'])} before calibration", figures["before_calibration"])
        )
    return (
        "## Calibration\n\n"
        + table(titles, [[name, *_error_cells(errors)] for name, errors in named])
        + "\n\n![Reliability: accuracy against confidence](reliability.png)"
        + "\n\n![Risk against coverage](risk_coverage.png)"
    )


def _error_cells(errors: Json) -> list[str]:
    pairs = [(errors["ece"], errors["mce"])]
    pairs += [(errors["head_ece"][head], errors["head_mce"][head]) for head in HEADS]
    return [f"{error:.3f}" for pair in pairs for error in pair]


def _reading(figures: Json) -> str:
    lines = [
        f"- Intervals are 95 % percentile intervals of {figures['resamples']} resamples of issues (seed "
        f"{figures['seed']}), not corrected for how many there are. With few issues they are too narrow.",
        "- Differences are policy − reference on the examples where the actions of both were tried. "
        f"*Shown* means: the interval lies on the better side of 0 and at least {FEWEST_THAT_DIFFER} issues "
        "differ. Everything else is *not shown*; *(worse)* marks a loss that is as clear. "
        "Against `best_fixed`, which has the most utility on the training split, utility must also exceed that of "
        "every action of the training split's frontier (passes, dollars, minutes) and of the policy's own most "
        "frequent action: a constant policy is never shown. "
        "`13/21 issues` reads: the policies differ on 13 of 21 issues.",
        "- *unobserved*: the policy's action was not tried on the example; its outcome is unknown and left "
        "out, which favours policies that choose what is often tried.",
        *(f"- *{TITLES[metric.name]}*: {metric.meaning}" for metric in METRICS),
        "- *soft label*: mean weight that the soft label gives the action. *entropy* (nats), *top-1* and "
        "*unique* describe how the actions taken spread; a policy with one action has entropy 0.",
        "- *AURC*: mean share of wrong labels when only the surest are decided, over all coverages.",
        "- ECE and MCE use 15 bins of equal mass. Policies that are always certain have confidence 1. "
        "`uniform` draws its action; its figures are expectations.",
    ]
    return "## How to read this\n\n" + "\n".join(lines)
