"""Tables of what a stream covered."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from bench.stream.coverage import Epoch
from bench.terminal import percent, table
from planner.dataset.lanes import LANES, OTHER

Json = dict[str, Any]
_VERDICTS = {"few": "too few", "many": "too many", "met": "met", "none": ""}


def lanes_table(view: Json, title: str = "Lanes") -> Table:
    """Target against actual, of `lanes_view`."""
    rows = [
        (
            one["lane"],
            one["shape"],
            one["runs"],
            percent(one["share"]),
            f"{100 * one['target'][0]:.0f}–{100 * one['target'][1]:.0f} %",
            _VERDICTS[one["verdict"]],
            ", ".join(f"{way}: {n}" for way, n in one["otherwise"].items()),
            one["ready"],
        )
        for one in view["lanes"]
    ]
    other = view[OTHER]
    rows.append(("", OTHER, other["runs"], percent(other["share"]), "", "", "", other["ready"]))
    columns = (
        "lane",
        "shape",
        "runs>",
        "share>",
        "target>",
        "",
        "same risk and size, run otherwise",
        "ready>",
    )
    return table(title, columns, rows)


def epochs_table(epochs: Iterable[Epoch]) -> Table:
    """Policy epochs, oldest first, and the lanes of their runs."""
    names = [lane.name for lane in LANES]
    rows = [
        (
            one.epoch[:12],
            f"{one.first:%Y-%m-%d}",
            f"{one.last:%Y-%m-%d}",
            one.runs,
            *(one.lanes[name] for name in names),
            one.lanes[None],
        )
        for one in epochs
    ]
    columns = ("epoch", "from", "to", "runs>", *(f"{name}>" for name in names), f"{OTHER}>")
    return table("Policy epochs", columns, rows)
