"""Submitting: gather what is known, plan, write."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.experiment.decide import action_of
from bench.intake.issue import Issue
from bench.intake.slices import find_slice, select
from bench.submit.backlog import read_backlog
from bench.submit.history import similar_history
from bench.submit.identities import identify
from bench.submit.inputs import system_state
from bench.submit.issue_workcell import workcell_of
from bench.submit.plan import Known, Ready, make_ready, plan_bench
from bench.submit.prompts import prompt_frontier
from bench.submit.sandboxes import check_here, image_here
from db.repositories.history import FarmHistory
from db.repositories.issues import Issues
from db.repositories.new_bench import NewBench
from workers.repository.git import check_git
from workers.repository.mirror import resolve_ref
from workers.toolchains.registry import check_ref, missing_executable

_NO_LETTERS_TO_CONFUSE = "abcdefghjkmnpqrstuvwxyz23456789"


def new_bench_id(now: datetime) -> str:
    """Sortable by day, short enough to type: `b-20260131-k3f9q`."""
    return f"b-{now:%Y%m%d}-" + "".join(secrets.choice(_NO_LETTERS_TO_CONFUSE) for _ in range(5))


def prepare_bench(
    engine: sa.Engine,
    config: BenchConfig,
    issue_ids: Sequence[str] | None,
    *,
    here: bool,
    mirrors: Path | None = None,
) -> NewBench:
    """Plan a bench on what the farm knows now; nothing is written.

    `here`: the executions will run on this machine, so that a missing toolchain, sandbox or git is refused now.
    """
    if here:
        check_git()
    known, issue_ids = known_issues(engine, config, issue_ids)
    chosen = choose(known, config, issue_ids)
    resolve = lru_cache(maxsize=None)(lambda repo, ref: resolve_ref(repo, ref, mirrors))
    resolve_image = lru_cache(maxsize=None)(image_here if here else _unresolved)
    ready = _make_all_ready(config, chosen, resolve, _sources(engine, config, chosen), resolve_image)
    _check_toolchains(ready, here)
    if here:
        check_here({item.workcell.sandbox for item in ready})
    now = datetime.now(UTC)
    slice_name = "issues" if issue_ids else config.issue_selection.slice
    return plan_bench(config, new_bench_id(now), slice_name, ready, _known(engine, config, ready, now))


def _unresolved(image: str) -> str:
    """In a fleet a name means on each machine what it means there, unless the config gives the digest."""
    return image


def known_issues(
    engine: sa.Engine, config: BenchConfig, issue_ids: Sequence[str] | None = None
) -> tuple[list[Issue], Sequence[str] | None]:
    """What a bench may choose from: the file that the config names as source, else all that was imported.

    Returns the issues under the ids that they are stored by, and the named ids as such: in a file, an id may be one
    that an issue of another repository has in the farm.
    """
    source = config.issue_selection.source
    if source is None:
        return [Issue.from_document(document) for document in Issues(engine).all_documents()], issue_ids
    identified = identify(read_backlog(Path(source)), Issues(engine).holders)
    named = None if issue_ids is None else [identified.stored_id(issue_id) for issue_id in issue_ids]
    return identified.report.issues, named


def choose(known: Sequence[Issue], config: BenchConfig, issue_ids: Sequence[str] | None) -> list[Issue]:
    """The issues of the bench: the slice of the config, or the ones named."""
    selection = config.issue_selection
    return select(
        known,
        selection.slice,
        {} if issue_ids else find_slice(selection.slice, config.slices),
        filters=[each.model_dump(by_alias=True, exclude_none=True) for each in selection.filters],
        ids=issue_ids,
        sample_size=selection.sample_size,
        seed=selection.seed,
    )


def _sources(engine: sa.Engine, config: BenchConfig, issues: Sequence[Issue]) -> Mapping[str, str]:
    """The file that each issue comes from, by id."""
    source = config.issue_selection.source
    if source is not None:
        return dict.fromkeys((issue.id for issue in issues), str(Path(source).resolve()))
    return Issues(engine).sources([issue.id for issue in issues])


def _make_all_ready(
    config: BenchConfig,
    issues: Sequence[Issue],
    resolve: Callable[[str, str], str],
    sources: Mapping[str, str],
    resolve_image: Callable[[str], str],
) -> list[Ready]:
    # Nothing that an issue names is asked for before every issue is in order.
    for issue in issues:
        workcell_of(config, issue, sources.get(issue.id))
    # Asking a repository for a commit is waiting, not work: several at a time.
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(
            pool.map(
                lambda issue: make_ready(config, issue, resolve, sources.get(issue.id), resolve_image), issues
            )
        )


def _check_toolchains(ready: Sequence[Ready], here: bool) -> None:
    refs = {ref.model_dump_json(): ref for item in ready for ref in item.workcell.toolchains}
    for ref in refs.values():
        check_ref(ref)
    # Those of an image are in the image.
    own = {
        ref.model_dump_json() for item in ready if not item.workcell.image for ref in item.workcell.toolchains
    }
    for key in own if here else ():
        if (missing := missing_executable(refs[key])) is not None:
            raise BenchError(missing)


def _known(engine: sa.Engine, config: BenchConfig, ready: Sequence[Ready], now: datetime) -> Known:
    history = FarmHistory(engine)
    usd_cap = config.execution_limits.max_usd
    last = history.last_actions([item.issue.id for item in ready])
    return Known(
        now=now,
        history=similar_history(history.recent_runs(), now),
        system_state=system_state(history.load(), history.toolchain_health(), now, usd_cap),
        last_actions={row.issue_id: action_of(row) for row in last},
        prompt=prompt_frontier(config.prompt_frontier),
        baselines=history.baselines([item.baseline_key for item in ready if item.has_known_image]),
    )
