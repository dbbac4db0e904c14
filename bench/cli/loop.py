"""`bench loop`: the closed loop on the demo corpus, from benches to an evaluated policy."""

import json
import shutil
from contextlib import chdir
from dataclasses import replace
from importlib.util import find_spec
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from bench.cli.answers import answer_of
from bench.cli.follow import watch
from bench.cli.session import Farm, note, open_farm
from bench.cli.submit import plan_of
from bench.errors import FailureError
from bench.terminal import show
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteRange
from planner.cli.output import echo
from planner.cli.progress import progress

if TYPE_CHECKING:
    from bench.config.models import BenchConfig
    from bench.loop.learn import Learnt
    from bench.loop.plan import LoopPlan
    from bench.loop.world import WorldVerdict
    from planner.dataset.read import Dataset

_KINDS = ("mlp", "joint", "autoregressive", "outcome")
_LABELS, _LEARNT = Path("labels"), Path("learnt")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default="loop")
@click.option("--quick", is_flag=True, help="Use twelve easy issues: about 7 minutes instead of 30.")
@click.option(
    "--policy", type=click.Choice(_KINDS), default="mlp", show_default=True, help="Kind of policy to train."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all random draws."
)
@click.option(
    "--seconds-per-minute",
    type=FiniteRange(min=0, min_open=True),
    help="Real seconds per planned minute; more on a busy or slow machine.  [default: 0.8; 0.3 with --quick]",
)
@output_options("policies", "differences", "world")
def loop(
    directory: Path, quick: bool, policy: str, seed: int, seconds_per_minute: float | None, output: Output
) -> int:
    """Train a policy on the demo, and evaluate it on unseen issues.

    Every action of up to 15 minutes runs on every issue of the demo, on an embedded farm in DIRECTORY, by default
    loop. Policies are trained by cross-validation, exported, verified, and compared with controls on the issues that
    were held out. The same is done in a generated world whose outcomes are known. A finished bench is used again,
    and an interrupted one continues.

    Exit code 1 where the policy recovers too little of the possible gain in the generated world, or the control on
    shuffled labels gains too much. A gain on the real outcomes is reported, and does not change the exit code.

    \b
    Examples:
      bench loop
      bench loop /tmp/loop --quick
    """
    from bench.loop.plan import FULL, QUICK

    plan = QUICK if quick else FULL
    _check_surroundings(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with chdir(directory):
        try:
            scale = seconds_per_minute or plan.seconds_per_minute
            benched = _bench(plan, seed, scale, may_draw=output.is_for_people)
            if output.is_for_people:
                show(benched)
            shutil.rmtree(_LEARNT, ignore_errors=True)
            _LEARNT.mkdir()
            home = Path.cwd() / _LEARNT
            figures, learnt = _learn_and_judge(home, plan, policy, seed)
            world, in_world = _world(home, policy, seed)
        except KeyboardInterrupt:
            note("interrupted; the same command continues the bench, or trains again on a finished one")
            return 130
    return report(directory / _LEARNT, figures, world, [*learnt, in_world], output)


def _check_surroundings(directory: Path) -> None:
    """Refuse what would fail after minutes of benching, and a directory with files that the loop did not write."""
    from bench.demo.corpus import check_directory

    check_directory(directory)
    if environ.get("BENCH_DATABASE_URL"):
        raise click.UsageError(
            "the loop starts its own farm, but BENCH_DATABASE_URL is set, which is a fleet's: unset it for this command"
        )
    if not find_spec("torch") or not find_spec("onnx"):
        raise click.UsageError("torch or onnx is not installed: pip install 'bench-farm[farm,train]'")


def _bench(plan: "LoopPlan", seed: int, seconds_per_minute: float, *, may_draw: bool) -> Table:
    """Bench the corpus in the working directory and export its labels. Returns the table of the bench."""
    from bench.config.load import load_config
    from bench.demo.corpus import build_corpus
    from bench.embedded.farm import EmbeddedFarm
    from bench.embedded.home import farm_home
    from bench.loop.plan import bench_config
    from bench.loop.show import benched_table
    from bench.results.labels import export_labels
    from bench.results.read import read_results

    corpus = build_corpus(Path.cwd())
    config = bench_config(load_config(corpus.config_file), plan, seed, seconds_per_minute)
    # The loop's own farm, also where BENCH_HOME is set.
    home = farm_home(Path.cwd(), {})
    try:
        with open_farm(create=True, home=home) as farm:
            bench_id = _same_bench(farm, config) or _submit(farm, config)
            farm.start_parts()
            state = watch(farm, bench_id, may_draw=may_draw).bench.state
            if state != "finished":
                raise FailureError(
                    f"bench {bench_id} is {state}; see: cd {Path.cwd()} && bench status {bench_id}"
                )
            labels = export_labels(farm.engine, _LABELS, [bench_id])
            benched = benched_table(read_results(farm.engine, bench_id))
    finally:
        EmbeddedFarm(home.root, note).down()
    if labels["example_count"] < plan.folds:
        raise FailureError(
            f"{labels['example_count']} of {labels['case_count']} issues have a winner, too few for {plan.folds} "
            f"folds that train, validate and test; on a busy or slow machine give --seconds-per-minute more than "
            f"{seconds_per_minute:g}"
        )
    return benched


def _same_bench(farm: Farm, config: "BenchConfig") -> str | None:
    """A bench of the same config that is finished or can continue; None where there is none."""
    from bench.config.load import config_hash
    from db.repositories.benches import Benches

    benches, wanted = Benches(farm.engine), config_hash(config)
    for row in benches.list_all():
        bench = benches.get(row.bench_id)
        if bench.config_hash == wanted and bench.state not in {"cancelled", "halted"}:
            note(f"bench {row.bench_id} of the same config is {bench.state}: it is used again")
            return row.bench_id
    return None


def _submit(farm: Farm, config: "BenchConfig") -> str:
    from bench.submit.backlog import read_backlog, store_backlog
    from db.repositories.plans import Plans

    bench = plan_of(farm, config, None, farm.mirrors)
    store_backlog(farm.engine, read_backlog(Path(str(config.issue_selection.source))))
    Plans(farm.engine).write(bench)
    executions = sum(len(arm.executions) for case in bench.cases for arm in case.arms)
    note(f"bench {bench.bench_id}: {len(bench.cases)} cases, {executions} executions")
    return bench.bench_id


def _learn_and_judge(
    home: Path, plan: "LoopPlan", policy: str, seed: int
) -> tuple[dict[str, Any], list["Learnt"]]:
    """Returns the figures over all folds, and the policies trained on each fold and on all labels."""
    from bench.loop.folds import write_folds
    from bench.loop.judge import judge
    from bench.loop.learn import DATASET, FEW_LABELS, Planner, learn
    from bench.loop.plan import EPOCHS
    from planner.dataset.read import read_dataset
    from planner.evaluation.assess import Settings

    everything = home / "all"
    everything.mkdir()
    merged = everything / DATASET
    arguments = ("dataset", "merge-best-of-k", "--labels", _LABELS, "--out", merged)
    Planner(everything / "dataset.log").run(*arguments)
    dataset = read_dataset(merged)
    _note_gates(dataset)
    flags = ["--policy", policy, "--seed", seed, "--epochs", EPOCHS, *FEW_LABELS]
    folds = []
    with progress("training the final policy") as bar:
        written = write_folds(dataset, home, plan.folds, seed)
        for number, fold in enumerate(bar(written, "training folds"), start=1):
            note(f"fold {number} of {plan.folds}: training, exporting and verifying a policy and its control")
            folds.append(learn(f"all folds but {number}", fold, flags))
        note("all labels: training, exporting and verifying the final policy")
        final = learn("all labels", everything, flags, with_control=False)
        return judge(folds, Settings(seed=seed)), [*folds, final]


def _note_gates(dataset: "Dataset") -> None:
    from planner.dataset.agreement import near_duplicate_agreement
    from planner.dataset.arrays import encode_examples

    share = near_duplicate_agreement(encode_examples(dataset.examples())).share
    agreement = "no near-duplicates" if share is None else f"{share:.0%} agreement of near-duplicates"
    note(
        f"labels: {dataset.meta.example_count} examples, {agreement}. Training normally requires 500 "
        "examples and 80 % agreement; the loop lowers both, because the demo has few labels"
    )


def _world(home: Path, policy: str, seed: int) -> tuple["WorldVerdict", "Learnt"]:
    from bench.loop.learn import DATASET, Planner, learn
    from bench.loop.world import ISSUES, UTILITY_WEIGHTS, judge_world

    note(f"generated world of {ISSUES} issues: training, exporting and verifying a policy and its control")
    world = home / "world"
    world.mkdir()
    arguments = ("world", "--out", world / DATASET, "--issues", ISSUES, "--seed", seed)
    Planner(world / "dataset.log").run(*arguments)
    # No minimum agreement: single labels of the world are noisy by design, and soft labels represent that.
    flags = [
        "--policy",
        policy,
        "--seed",
        seed,
        "--min-agreement",
        0,
        *(UTILITY_WEIGHTS if policy == "outcome" else ()),
    ]
    with progress("training in the generated world"):
        learnt = learn("generated world", world, flags)
        return judge_world(learnt, seed), learnt


def report(
    home: Path,
    figures: dict[str, Any],
    world: "WorldVerdict",
    learnt: list["Learnt"],
    output: Output | None = None,
) -> int:
    """Print the results and write `home/figures.json`. Returns the exit code."""
    from bench.loop.show import conclusions, judged_table, training_table, world_table

    lines = conclusions(figures, world)
    document: dict[str, Any] = {"real": figures, "world": world.document(), "conclusions": lines}
    (home / "figures.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    tables = [training_table(learnt), judged_table(figures), world_table(world)]

    def print_all() -> None:
        show(*tables)
        for line in lines:
            echo(line)

    rows = {
        "policies": figures["policies"],
        "differences": figures["differences"],
        "world": document["world"]["standings"],
    }
    answer = answer_of(lambda: document, lambda: [*tables, *lines], lambda: rows)
    (output or Output()).show(replace(answer, show=print_all))
    note(f"the bundle trained on all labels: {home / 'all' / 'policy'}; all figures: {home / 'figures.json'}")
    return 0 if world.policy_recovers and not world.control_recovers else 1
