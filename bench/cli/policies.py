"""`bench policies register`, `list`, `remove`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.terminal import table
from db.repositories.policies import Policies, RegisteredPolicy
from db.rows import documents
from planner.cli.formats import Output, output_options

_SHORT = 12


@click.group()
def policies() -> None:
    """Trained policies that benches are scored with."""


@policies.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--name", help="What reports call it.  [default: kind and short hash of the bundle]")
@click.option("--replace", is_flag=True, help="Take the place of another bundle of that name.")
def register(bundle: Path, name: str | None, replace: bool) -> None:
    """Register BUNDLE, a directory that `planner export` wrote, as a policy.

    It is verified first: every hash, and its golden decisions. The bundle stays where it is; registering it again
    tells where it lies now. With --replace, what the old bundle decided is forgotten.

    \b
    Example:
      bench policies register bundle --name mlp-a
      bench regret --policy mlp-a
    """
    from bench.results.policies import register as register_bundle

    with open_farm(create=True) as farm:
        policy, done = register_bundle(farm.engine, bundle, name, replace=replace)
    state = "is registered already" if done == "unchanged" else f"is {done}"
    note(f"{policy.name} {state}: {policy.kind}, epoch {_epoch(policy.epoch)}, {policy.path}")


@policies.command("list")
@output_options("policies")
def list_(output: Output) -> None:
    """List the registered policies, and on how many benches each was scored."""
    with open_farm() as farm:
        found = Policies(farm.engine).list_all()
    columns = ("policy", "kind", "epoch", "registered", "benches>", "bundle")
    show_answer(
        output, lambda: documents(found), lambda: [table(None, columns, [_row(policy) for policy in found])]
    )


def _row(policy: RegisteredPolicy) -> tuple[Any, ...]:
    return (
        *(policy.name, policy.kind, _epoch(policy.epoch)),
        *(f"{policy.registered_at:%Y-%m-%d}", policy.benches, policy.path),
    )


def _epoch(epoch: str | None) -> str:
    return "mixed" if epoch is None else epoch[:_SHORT]


@policies.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget policy NAME and all that it decided; its bundle stays."""
    with open_farm() as farm:
        Policies(farm.engine).remove(name)
    note(f"{name} is removed, with what it was scored on")
