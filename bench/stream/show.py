"""Tables of the coverage of lanes and policy epochs."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from bench.stream.coverage import Epoch
from bench.terminal import percent, table
from planner.dataset.lanes import LANES, OTHER

Json = dict[str, Any]
_VERDICTS = {"few": "too few", "many": "too many", "met": "met", "none": ""}


def lanes_table(view: Json, title: str = "Lanes") -> Table:
    """Coverage of the lanes against their targets, from `lanes_view`."""
    rows = [
        (
            lane["lane"],
            lane["shape"],
            lane["runs"],
            percent(lane["share"]),
            f"{100 * lane['target'][0]:.0f}–{100 * lane['target'][1]:.0f} %",
            _VERDICTS[lane["verdict"]],
            ", ".join(f"{candidates}: {n}" for candidates, n in lane["otherwise"].items()),
            lane["ready"],
        )
        for lane in view["lanes"]
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
    """Policy epochs, oldest first, with their runs by lane."""
    names = [lane.name for lane in LANES]
    rows = [
        (
            summary.epoch[:12],
            f"{summary.first:%Y-%m-%d}",
            f"{summary.last:%Y-%m-%d}",
            summary.runs,
            *(summary.lanes[name] for name in names),
            summary.lanes[None],
        )
        for summary in epochs
    ]
    columns = ("epoch", "from", "to", "runs>", *(f"{name}>" for name in names), f"{OTHER}>")
    return table("Policy epochs", columns, rows)
