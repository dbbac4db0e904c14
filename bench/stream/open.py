"""Opening a stream: the open stream of the same config is resumed, otherwise a new stream is created."""

from datetime import datetime

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.submit.plan import bench_limits
from bench.submit.submit import new_bench_id
from db.repositories.new_bench import NewBench
from db.repositories.plans import Plans
from db.repositories.streams import Streams
from planner.canonical import sha256_json


def open_stream(engine: sa.Engine, config: BenchConfig, now: datetime) -> tuple[str, bool]:
    """Resume or create the stream of this config.

    An open stream with the same config hash is resumed. An open stream of another config is drained: its runs
    finish, and a new stream is created.

    Returns the id of the stream, and whether it is new.
    """
    streams = Streams(engine)
    document = config.stream_document()
    digest = sha256_json(document)
    current = streams.current()
    if current is not None and current[1] == digest:
        return current[0], False
    bench_id = new_bench_id(now).replace("b-", "s-", 1)
    Plans(engine).write(
        NewBench(
            bench_id=bench_id,
            config=document,
            config_hash=digest,
            slice=config.issue_selection.slice,
            seed=config.action_sampling.seed,
            k=1,
            strategy="policy",
            objective=config.winner_selection.primary_objective,
            tie_break=config.winner_selection.tie_break,
            max_retries=config.execution_limits.max_retries,
            limits=bench_limits(config.execution_limits),
            cases=[],
            kind="stream",
        )
    )
    return bench_id, True
