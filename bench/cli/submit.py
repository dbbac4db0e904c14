"""`bench submit`: plan a bench, store it and start it."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import REPORT_TABLES, show_answer
from bench.cli.planned import arm_rows, note_totals, plan_document, plan_table
from bench.cli.session import Farm, note, open_farm
from bench.cli.suggestions import issue_list, slices
from bench.cli.trust import note_overrides, trust_option
from bench.config.load import apply_overrides, find_config, load_config, trust_issue_workcells
from bench.config.models import BenchConfig
from bench.experiment.strategies.registry import STRATEGIES
from bench.submit.backlog import read_backlog, store_backlog
from db.repositories.new_bench import NewBench
from db.repositories.plans import Plans
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.numbers import FiniteRange
from planner.cli.tables import rows_markdown
from workers.spec import ToolchainRef

if TYPE_CHECKING:
    from bench.submit.sandboxes import Sandboxes


@click.command()
@click.option("--k", type=click.IntRange(min=1), help="Number of actions to try per issue.")
@click.option(
    "--slice",
    "slice_name",
    shell_complete=slices,
    help="Slice of issues: critical, high, all, lane-a, lane-b, lane-c, or one of the config.",
)
@click.option(
    "--issues",
    "issue_ids",
    shell_complete=issue_list,
    help="Issue ids instead of a slice, comma-separated.",
)
@click.option("--config", type=click.Path(path_type=Path), help="Config file.  [default: the project's]")
@click.option("--strategy", type=click.Choice(tuple(STRATEGIES)), help="Strategy that samples the actions.")
@click.option("--replicates", type=click.IntRange(min=1), help="Runs of each action per issue.")
@click.option("--seed", type=int, help="Seed of the sampling: the same seed samples the same actions.")
@click.option("--max-usd", type=FiniteRange(min=0), help="Cap on the spend of the bench, in dollars.")
@click.option("--max-minutes", type=FiniteRange(min=0), help="Cap on its worker time, in minutes.")
@click.option("--max-executions", type=click.IntRange(min=1), help="Cap on its number of executions.")
@trust_option
@click.option("--dry-run", is_flag=True, help="Show the plan and its worst-case cost; store and run nothing.")
@click.option(
    "--wait", is_flag=True, help="Follow the bench until it is over. Ctrl-C detaches, the bench continues."
)
@output_options(
    *("arms", "bench", *REPORT_TABLES),
    is_narrowed=True,
    json_help="The same as -o json: with --wait the bench summary document.",
)
def submit(
    issue_ids: str | None,
    config: Path | None,
    slice_name: str | None,
    trust_issues: bool,
    dry_run: bool,
    wait: bool,
    output: Output,
    **flags: Any,
) -> int | None:
    """Run each issue of a slice with K different actions.

    An action is a topology with its budgets: the number of candidates, minutes and iterations. They are sampled, and
    the workers run them. An error in any issue refuses the whole bench, and nothing is stored. The config has the
    default of each option. Only commits are benched: uncommitted changes of a local repository are noted. With --wait
    the exit code is 4 where nothing ran, because every case was skipped or could not be benched.

    \b
    Examples:
      bench submit --k 4 --slice critical --wait
      bench submit --issues SHOP-12,SHOP-19 --k 8 --replicates 3 --max-usd 20
      bench submit --config night.yaml --dry-run
    """
    output = output.among(*(["arms"] if dry_run else REPORT_TABLES if wait else ["bench"]))
    loaded = load_config(config or find_config(Path.cwd()))
    loaded = trust_issue_workcells(loaded) if trust_issues else loaded
    resolved = apply_overrides(loaded, slice=slice_name, **flags)
    ids = None if issue_ids is None else [part.strip() for part in issue_ids.split(",") if part.strip()]
    with open_farm(create=True) as farm:
        plan, warnings = _plan(farm, resolved, ids)
        sandboxes = _sandboxes(farm, plan)
        warnings += [*plan.notes, *_unserved(farm, plan)]
        for line in warnings:
            note(f"! {line}")
        if dry_run:
            _show_dry_run(farm, plan, sandboxes, warnings, output)
            return None
        if resolved.issue_selection.source is not None:
            source = Path(resolved.issue_selection.source)
            stored = store_backlog(farm.engine, read_backlog(source))
            if stored.older:
                note(f"{source}: {stored.words()}")
        Plans(farm.engine).write(plan)
        farm.start_parts()
        return _after(farm, plan, sandboxes, wait, output)


def _sandboxes(farm: Farm, plan: NewBench) -> "Sandboxes":
    from bench.submit.sandboxes import sandboxes_of
    from db.repositories.machines import Machines

    return sandboxes_of(plan, None if farm.embedded is not None else Machines(farm.engine).list_all())


def _unserved(farm: Farm, plan: NewBench) -> list[str]:
    """A line for each class of the plan that no machine can run; the worker of an embedded farm counts as present."""
    from bench.unserved import lines_at_submit
    from db.repositories.machines import Machines
    from workers.node.machine import usable_toolchains

    present = [
        each.capabilities
        for each in Machines(farm.engine).list_all()
        if each.is_present and not each.suspended
    ]
    return lines_at_submit(plan.queues, [*present, *([usable_toolchains()] if farm.embedded else [])])


def _show_dry_run(
    farm: Farm, plan: NewBench, sandboxes: "Sandboxes", warnings: list[str], output: Output
) -> None:
    from bench.results.plain import plain
    from bench.results.power import plan_power
    from bench.results.power_show import plan_line
    from bench.submit.racing import forecast_lines, race_forecast

    power = plan_power(farm.engine, plan)
    more = {"sandbox": sandboxes.document(), "warnings": warnings, "detectable": plain(power)}
    if (forecast := race_forecast(plan)) is not None:
        more["race"] = forecast
    show_answer(
        output,
        lambda: {**plan_document(plan), **more},
        lambda: [plan_table(plan)],
        lambda: {"arms": arm_rows(plan)},
    )
    if not output.is_for_people:
        return
    note_totals(plan)
    note_overrides(plan)
    for line in [*sandboxes.lines(), plan_line(power), *forecast_lines(plan)]:
        note(line)


def plan_of(farm: Farm, config: BenchConfig, issue_ids: list[str] | None, mirrors: Path | None) -> NewBench:
    """The plan of a bench on the current state of this farm. `mirrors`: the directory for fetched repositories."""
    from bench.submit.submit import prepare_bench

    plan = prepare_bench(farm.engine, config, issue_ids, here=farm.embedded is not None, mirrors=mirrors)
    for refs in toolchains_by_workcell(plan):
        farm.check_variables(refs)
    return plan


def toolchains_of(plan: NewBench) -> list[ToolchainRef]:
    """The toolchains of all cases, each once."""
    written = {json.dumps(ref, sort_keys=True) for case in plan.cases for ref in case.workcell["toolchains"]}
    return [ToolchainRef.model_validate_json(ref) for ref in sorted(written)]


def toolchains_by_workcell(plan: NewBench) -> list[list[ToolchainRef]]:
    """The toolchains of each case, each combination once."""
    written = {json.dumps(case.workcell["toolchains"], sort_keys=True) for case in plan.cases}
    return [[ToolchainRef.model_validate(ref) for ref in json.loads(refs)] for refs in sorted(written)]


def _plan(farm: Farm, config: BenchConfig, issue_ids: list[str] | None) -> tuple[NewBench, list[str]]:
    """The plan, and warnings: what of its base commits is not fetched or not protected, and what is not metered.

    The plan's own notes name source repositories with uncommitted changes.
    """
    from bench.submit.bases import mirror_bases, workcells_of
    from bench.submit.left_out import left_out
    from bench.submit.protection import protection_lines
    from bench.submit.uncommitted import uncommitted_lines
    from workers.gateway.checks import unmetered_lines
    from workers.toolchains.registry import get_toolchain

    here = farm.embedded is not None
    with ExitStack() as stack:
        # Workers of a fleet have their own mirrors: these are for the plan alone.
        mirrors = farm.mirrors or Path(stack.enter_context(TemporaryDirectory(prefix="bench-mirrors-")))
        plan = plan_of(farm, config, issue_ids, mirrors)
        cells = workcells_of(plan)
        mirror_of = mirror_bases(cells.values(), mirrors, here=here)
        refs = [(ref, get_toolchain(ref.name)) for ref in toolchains_of(plan)]
        lines = [*left_out(cells, mirror_of, mirrors, here=here), *protection_lines(cells, mirror_of)]
        noted = replace(plan, notes=uncommitted_lines(cells.values()))
        return noted, [*lines, *unmetered_lines(refs)]


def _after(farm: Farm, plan: NewBench, sandboxes: "Sandboxes", wait: bool, output: Output) -> int | None:
    from bench.cli.follow import follow
    from bench.coordinator.loop import make_tick
    from bench.submit.racing import forecast_lines

    make_tick(farm.engine, farm.bell)()
    executions = sum(len(arm.executions) for case in plan.cases for arm in case.arms)
    note(f"bench {plan.bench_id}: {_counted(len(plan.cases), 'case')}, {_counted(executions, 'execution')}")
    for line in [*sandboxes.lines(), *forecast_lines(plan)]:
        note(line)
    if plan.race is not None and plan.config["action_sampling"]["replicates"] == 1:
        note(
            "each arm runs once per issue, which only decides the race: --replicates 2 confirms the arms it keeps"
        )
    if wait:
        return follow(farm, plan.bench_id, output)
    counts = {"bench_id": plan.bench_id, "cases": len(plan.cases), "executions": executions}
    row = {**counts, "sandbox": sandboxes.document(), "notes": list(plan.notes)}
    hint = f"follow it with: bench watch {plan.bench_id}"
    output.show(Answer(lambda: row, lambda: note(hint), lambda: rows_markdown({"bench": [row]}, json_value)))
    return None


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
