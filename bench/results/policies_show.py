"""The table of registered policies, for the terminal and the page."""

from collections.abc import Iterable

from rich.table import Table

from bench.terminal import table
from db.repositories.policies import RegisteredPolicy

_SHORT = 12


def policies_table(policies: Iterable[RegisteredPolicy]) -> Table:
    """One row for each policy, in the order given."""
    columns = ("policy", "kind", "epoch", "registered", "benches>", "bundle")
    rows = [
        (
            *(policy.name, policy.kind, short_epoch(policy.epoch)),
            *(f"{policy.registered_at:%Y-%m-%d}", policy.benches, policy.path),
        )
        for policy in policies
    ]
    return table(None, columns, rows)


def short_epoch(epoch: str | None) -> str:
    """The first characters of a policy epoch; `mixed` where the training data are of several."""
    return "mixed" if epoch is None else epoch[:_SHORT]
