"""A farm whose every text that others may write is hostile: titles, ids, tags, machines, gate output, messages."""

import json
import random
from typing import Any, Final

import sqlalchemy as sa

from bench.intake.issue import Dependency, Issue
from db.repositories.plans import Plans
from planner.actions import NA, SERIAL, Action
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.random_benches import score_at_random
from tests.fixtures.rows import (
    MACHINE,
    QUEUE,
    admit_all,
    new_arm,
    new_bench,
    new_case,
    running_bench,
    store_issues,
)

MARKUP: Final = "[/x] $\\frac{ <b> list[int] [link=http://evil]l[/link] :bomb:"
CONTROLS: Final = "\x1b]52;c;ZXZpbA==\x07 \x1b[2J \x9b31m \u202egpj \u200b\ufeff\r\x7f\x85\u2028"
HTML: Final = (
    "<img src=http://evil onerror='window.stolen=1'><script>window.stolen=1</script>\" onfocus=x "
    "[a](http://evil) ![i](http://evil) | *b* @all"
)
HOSTILE: Final = f"{MARKUP} {CONTROLS} {HTML} \nforged"
# What the farm itself writes and looks up again: no worker, issue or program decides it.
_OUR_OWN: Final = frozenset(
    {
        "bench_id",
        "job_type",
        "dk_risk",
        "dk_size",
        "dk_priority",
        "objective",
        "strategy",
        "swarm_id",
        "stratum",
    }
    | {"key", "baseline_key", "cost_source", "quantity", "estimator", "estimand", "method", "fingerprint"}
    | {"config_hash", "queue", "error_class", "status", "path", "bundle_hash", "checkpoint_id", "input_hash"}
    | {"propensity_kind", "strategy_version", "tie_break", "needs"}
)
_COLUMNS: Final = sa.text("""
    SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables
        USING (table_schema, table_name)
    WHERE table_schema = 'farm' AND table_type = 'BASE TABLE' AND data_type IN ('text', 'ARRAY')""")


_NOTICED: Final = (
    """INSERT INTO farm.notice_targets (name, type, url, secret_variable)
       VALUES ('ops', 'webhook', 'http://h/', 'S')""",
    """INSERT INTO farm.notices (notice_id, key, kind, at, bench_id, subject, text)
       VALUES ('msg_1', 'k', 'bench_halted', now(), 'b', 'a bench is halted', 'why')""",
    """INSERT INTO farm.notice_deliveries (notice_id, target, state, answer)
       VALUES ('msg_1', 'ops', 'failed', '500')""",
)


def write_hostile_farm(engine: sa.Engine) -> tuple[str, set[str]]:
    """Fill a database; the id of a bench that is decided, and the poisoned columns as `table.column`."""
    bench, _ = write_known_bench(engine, 12, replicates=2, K=4)
    score_at_random(engine, random.Random(3), [bench], "p")
    _write_stream(engine)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE farm.benches SET state = 'finished', finished_at = now() WHERE bench_id = :b"),
            {"b": bench},
        )
        connection.execute(
            sa.text(
                "INSERT INTO farm.machines (machine_id, capabilities, concurrency) VALUES (:m, :tags, 2)"
            ),
            {"m": MACHINE, "tags": [f"tag{HOSTILE}"]},
        )
    running_bench(engine, cases=2)
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO farm.circuits (queue, failures, opened_at, backoff_seconds, probe_at)
                VALUES (:queue, 3, now(), 30, now())"""),
            {"queue": QUEUE},
        )
        for statement in _NOTICED:
            connection.execute(sa.text(statement))
    store_issues(engine, HOSTILE, [_issue(number).document() for number in range(4)])
    return bench, _poison_columns(engine) | _poison_documents(engine)


def _issue(number: int) -> Issue:
    waits = (Dependency(issue_id=f"i{number}{HOSTILE}", depends_on_id=f"i{3 - number}{HOSTILE}"),)
    return Issue(
        id=f"i{number}{HOSTILE}",
        title=HOSTILE,
        description=f"{HOSTILE}\n\tindented",
        status=HOSTILE if number == 3 else "open",
        tags=(HOSTILE, "list[str]"),
        dk_tool_hint=HOSTILE,
        dk_parent=HOSTILE,
        acceptance_criteria=(HOSTILE,),
        issue_type=HOSTILE,
        dependencies=waits if number < 2 else (),
        extra={HOSTILE: HOSTILE},
    )


def _write_stream(engine: sa.Engine) -> None:
    action = Action(SERIAL, 1, 30, NA)
    decision: dict[str, Any] = {
        "planner_action": {
            "swarm_id": action.swarm_id,
            "budgets": {name: getattr(action, name) for name in Action._fields[1:]},
            "abstain_to_default": True,
            "reason": HOSTILE,
        },
        "policy_trace": {
            "policy_id": HOSTILE,
            "policy_mode": "log",
            "exploration": {"enabled": False},
            "stability": {"kernel_config_hash": "k", "universe_hash": "u", "prompt_frontier_hash": "p"},
        },
        "agrees": False,
        "explored": False,
    }
    arm = new_arm(action)
    arm.planned.update(candidates=1, minutes=30)
    cases = [new_case([arm], issue_id="i9", decision=decision)]
    Plans(engine).write(new_bench(cases, bench_id="s-1", kind="stream", k=1, queues={QUEUE: []}))
    admit_all(engine, "s-1")


def _poison_columns(engine: sa.Engine) -> set[str]:
    """Add hostile text to every column that takes it; keys and what refers to them get the same."""
    done = set()
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for table, column, kind in connection.execute(_COLUMNS).all():
            if column in _OUR_OWN or table == "issues":
                continue
            value = (
                f"array_append({column}, :text)" if kind == "ARRAY" else f"coalesce({column}, '') || :text"
            )
            try:
                with connection.begin_nested():
                    update = sa.text(f"UPDATE farm.{table} SET {column} = {value}")
                    changed = connection.execute(update, {"text": HOSTILE}).rowcount
            except sa.exc.IntegrityError:  # a column of a few known words
                continue
            if changed:
                done.add(f"{table}.{column}")
    return done


def _poison_documents(engine: sa.Engine) -> set[str]:
    gates = [{"name": HOSTILE, "passed": False, "message": HOSTILE, "fail_codes": [HOSTILE]}]
    document = {"title": HOSTILE, "tags": [HOSTILE]}
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            sa.text("UPDATE farm.outcomes SET gates = CAST(:gates AS jsonb)"), {"gates": json.dumps(gates)}
        )
        connection.execute(
            sa.text("UPDATE farm.cases SET issue = issue || CAST(:issue AS jsonb)"),
            {"issue": json.dumps(document)},
        )
    return {"outcomes.gates", "cases.issue"}


def store_hostile_artifacts(engine: sa.Engine, bench_id: str, conversation: bytes) -> int:
    """Give an execution of a bench hostile files and results; returns its id."""
    # Logs and patches keep their line breaks, so a line of theirs may hold any word.
    hostile = HOSTILE.replace("\n", " ")
    text = f"{hostile}\n".encode("utf-8", "surrogatepass")
    patch = b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-" + text + b"+" + text
    files = {
        "patch.diff": patch,
        "logs/round-1.stdout": text + b"\xff\x00",
        "logs/gate-1-t.log": text,
        "conversation.json.gz": conversation,
    }
    gate = {
        "name": HOSTILE,
        "passed": False,
        "fail_codes": [HOSTILE],
        "output_tail": hostile,
        "score": HOSTILE,
    }
    played = {
        "toolchain": HOSTILE,
        "status": HOSTILE,
        "message": HOSTILE,
        "duration_ms": HOSTILE,
        "usd_priced": [],
    }
    document = {
        "index": 0,
        "workcell_id": "x",
        "gates": [gate, 7],
        "rounds": [played, None],
        "started_at": 1e300,
    }
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        execution = connection.execute(
            sa.text("""
                UPDATE farm.outcomes SET chosen = 0, attempt = 1 WHERE execution_id = (
                    SELECT min(execution_id) FROM farm.executions JOIN farm.outcomes USING (execution_id)
                    WHERE bench_id = :bench AND arm_id IS NOT NULL) RETURNING execution_id"""),
            {"bench": bench_id},
        ).scalar_one()
        connection.execute(
            sa.text("""
                INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms,
                                             cost_source, document)
                VALUES (:execution, 1, 0, 'hostile', 'failed', 5, 'unknown', CAST(:document AS jsonb))
                ON CONFLICT (execution_id, attempt, candidate) DO UPDATE SET document = EXCLUDED.document"""),
            {"execution": execution, "document": json.dumps(document)},
        )
        for name, data in files.items():
            values = {"execution": execution, "name": name, "body": data, "size": len(data)}
            connection.execute(
                sa.text("""
                    WITH stored AS (INSERT INTO farm.blobs VALUES (encode(sha256(:body), 'hex'), :body)
                                    ON CONFLICT (digest) DO UPDATE SET stored_at = now() RETURNING digest)
                    INSERT INTO farm.artifacts (execution_id, attempt, candidate, name, digest, encoding, size,
                                                stored_size, left_out, store, blob)
                    SELECT :execution, 1, 0, :name, digest, 'identity', :size, :size, 0, 'postgres:', digest
                    FROM stored"""),
                values,
            )
    return int(execution)
