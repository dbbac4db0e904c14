"""Dataset construction from archives: one example a run, labelled with its executed plan."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from planner.dataset.archives import find_archives
from planner.dataset.epochs import common_epoch
from planner.dataset.history_builder import HistoryBuilder
from planner.dataset.issues import read_backlog
from planner.dataset.read import Dataset, read_dataset
from planner.dataset.runs import ArchivedRun, example, ran_as_planned, rebuilt_input
from planner.dataset.scan import ArchiveGroup, Scan
from planner.dataset.spool import Spool
from planner.dataset.world_runs import is_world_root, is_world_run, world_roots
from planner.dataset.write import SKIPPED_FILE, DatasetDraft, SplitBy, drafting
from planner.documents.dataset import DatasetMeta
from planner.errors import PlannerError
from planner.system.progress import ProgressReporter, no_progress

N_SIMILAR: Final = 8
BENCHED: Final = "drawn by a bench"
OF_BENCHES: Final = "for the winners of benches: planner dataset merge-best-of-k"


@dataclass(frozen=True)
class BuildOptions:
    """Sources of a dataset and the filter of its runs."""

    archives: Sequence[Path]
    issues: Path | None = None
    """A backlog, for archives without details of their issues."""
    n_similar_runs: int = N_SIMILAR
    """Length of a rebuilt history."""
    similar_keywords: bool = False
    """Whether a rebuilt history also compares the keywords of issues."""
    include_world: bool = True
    """Whether runs of the job type fab-world become examples."""
    epoch: str | None = None
    """Only runs whose policy epoch has this prefix."""
    newest_epoch: bool = False
    """Only runs of the newest policy epoch."""
    mix_epochs: bool = False
    split_by: SplitBy = "time"


@dataclass
class BuildReport:
    """Counts of a dataset build."""

    archives: int
    skipped: list[str]
    """`name: reason` of every broken archive."""
    bad_issue_lines: list[int]
    runs: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Runs that became no examples, by reason."""
    rebuilt: int = 0
    """Examples without a recorded planner_input, whose history was rebuilt."""
    repeated: int = 0
    """Archives of attempts that a later attempt supersedes."""
    planned: Counter[bool] = field(default_factory=Counter)
    """Examples that recorded a planner's decision, by whether it is what ran."""
    universes: set[str] = field(default_factory=set)
    epochs: Counter[str] = field(default_factory=Counter)
    """Examples by policy epoch."""
    meta: DatasetMeta | None = None


def build_dataset(
    target: Path, options: BuildOptions, progress: ProgressReporter = no_progress
) -> BuildReport:
    """Atomic write of the dataset of the archives to `target`.

    Broken archives are skipped, counted, and named in `skipped.txt`. The build is deterministic: the same archives give
    the same bytes of `dataset.jsonl`, regardless of their directory and order.

    Returns the counts of the build. Raises `PlannerError` where no archive gives an example, and where they are of
    several policy epochs without `mix_epochs`.
    """
    archives = find_archives(options.archives)
    if options.include_world:
        archives = sorted([*archives, *find_archives(world_roots(options.archives))])
    archives = [
        (name, root) for name, root in archives if not is_world_root(root) or is_world_run(root / name)
    ]
    backlog, bad_lines = read_backlog(options.issues) if options.issues else ({}, [])
    with drafting(target, options.split_by) as draft, Spool(draft.directory) as spool:
        scan = Scan(spool)
        for name, root in progress(archives, "reading archives"):
            scan.add(root / name, backlog)
        report = BuildReport(len(archives), scan.skipped, bad_lines)
        _add_examples(draft, scan, report, options, progress)
        if not len(draft):
            raise PlannerError(_nothing(report, options))
        epoch = common_epoch(report.epochs, options.mix_epochs)
        report.meta = draft.finish(
            {
                "n_similar_runs": options.n_similar_runs,
                "universe_id": next(iter(report.universes)) if len(report.universes) == 1 else None,
                "include_world": options.include_world,
                "epoch": epoch,
            },
            progress,
        )
        _name_skipped(draft.directory, scan.skipped)
    return report


@contextmanager
def scratch_dataset(
    options: BuildOptions, progress: ProgressReporter = no_progress
) -> Iterator[tuple[Dataset, BuildReport]]:
    """Context manager of a dataset in a temporary directory, with the counts of its build.

    Raises `PlannerError` as `build_dataset`.
    """
    with tempfile.TemporaryDirectory(prefix="planner-dataset-") as home:
        target = Path(home) / "dataset"
        report = build_dataset(target, options, progress)
        yield read_dataset(target), report


def _add_examples(
    draft: DatasetDraft, scan: Scan, report: BuildReport, options: BuildOptions, progress: ProgressReporter
) -> None:
    groups = scan.groups()
    report.runs, report.repeated = len(groups), scan.repeated
    past = HistoryBuilder(scan, groups, by_keywords=options.similar_keywords)
    if options.newest_epoch:
        options = replace(options, epoch=_newest_epoch(scan, groups, options))
    for group in progress(groups, "making examples"):
        run = scan.run(group)
        reason = _unfit(run, options)
        if reason is not None:
            report.left_out[reason] += 1
            continue
        try:
            _add(draft, run, past, options)
        except PlannerError as error:
            scan.skip(run.speaker.workcell_id, str(error))
            continue
        report.rebuilt += run.speaker.planner_input is None
        as_planned = ran_as_planned(run.speaker)
        if as_planned is not None:
            report.planned[as_planned] += 1
        report.universes.add(run.speaker.universe_id)
        report.epochs[run.speaker.epoch] += 1


def _newest_epoch(scan: Scan, groups: Sequence[ArchiveGroup], options: BuildOptions) -> str | None:
    runs = (scan.run(group) for group in reversed(groups))
    return next((run.speaker.epoch for run in runs if _unfit(run, options) is None), None)


def _unfit(run: ArchivedRun, options: BuildOptions) -> str | None:
    if run.speaker.benched:
        return BENCHED
    if run.status == "error":
        return "ended in an error"
    if not options.include_world and run.speaker.job_type == "fab-world":
        return "fab-world"
    if options.epoch is not None and not run.speaker.epoch.startswith(options.epoch):
        return "of another policy epoch"
    return None


def _add(draft: DatasetDraft, run: ArchivedRun, past: HistoryBuilder, options: BuildOptions) -> None:
    """Add one run. A recorded input is kept as the policy saw it; otherwise the history is rebuilt."""
    planner_input = run.speaker.planner_input
    if planner_input is None:
        planner_input = rebuilt_input(run, past.before(run, options.n_similar_runs))
    draft.add(example(run, planner_input), "its example")


def _nothing(report: BuildReport, options: BuildOptions) -> str:
    roots = ", ".join(map(str, options.archives))
    counts = Counter({"broken": len(report.skipped)}) + report.left_out
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    first = f"; the first broken one: {report.skipped[0]}" if report.skipped else ""
    hint = f"; {OF_BENCHES}" if report.left_out[BENCHED] else ""
    return f"no example among the {report.archives} archives in {roots}" + (
        f" ({reasons}{first}{hint})" if reasons else ""
    )


def _name_skipped(directory: Path, skipped: list[str]) -> None:
    if skipped:
        text = "".join(line + "\n" for line in skipped)
        (directory / SKIPPED_FILE).write_text(text, encoding="utf-8")
