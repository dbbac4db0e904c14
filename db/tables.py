"""The tables of schema `farm`. Money is in micro-dollars, time in milliseconds, both integers."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from db.columns import counter, metadata, now_column, one_of, text_array, time_column, time_index
from db.states import (
    ATTEMPT_ENDINGS,
    BENCH_KINDS,
    BENCH_STATES,
    CASE_STATES,
    ERROR_CLASSES,
    OUTCOME_STATUSES,
    PROPENSITY_KINDS,
    ExecutionState,
)

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", pg.JSONB, nullable=False),
)

issues = sa.Table(
    "issues",
    metadata,
    sa.Column("issue_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("document", pg.JSONB, nullable=False),
    now_column("imported_at"),
    # The repository, project or site that the issue is of, and its id there where another one has the plain id.
    sa.Column("repository", sa.Text),
    sa.Column("local_id", sa.Text),
    sa.Index("ix_issues_local_id", "local_id", postgresql_where=sa.text("local_id IS NOT NULL")),
)

benches = sa.Table(
    "benches",
    metadata,
    sa.Column("bench_id", sa.Text, primary_key=True),
    sa.Column("bench_no", sa.BigInteger, sa.Identity(), nullable=False, unique=True),
    now_column("created_at"),
    sa.Column("config", pg.JSONB, nullable=False),
    sa.Column("config_hash", sa.Text, nullable=False),
    sa.Column("slice", sa.Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("k", sa.Integer, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("objective", sa.Text, nullable=False),
    sa.Column("tie_break", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("max_retries", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    sa.Column("halt_reason", sa.Text),
    time_column("finished_at"),
    # "bench" or "stream": a stream's cases come one by one, each with the one arm that a policy chose.
    sa.Column("kind", sa.Text, nullable=False, server_default="bench"),
    # A race: {cells, control, looked, dropped: {cell: {e, issues}}, rule}.
    sa.Column("race", pg.JSONB),
    text_array("notes"),  # of its submission, for people, one line each
    # Hashes of the rules that its outcomes depend on; NULL in a stream, and in benches of older versions.
    sa.Column("stability", pg.JSONB),
    time_column("halted_at"),  # the last time; a resume keeps it
    one_of("state", BENCH_STATES),
    one_of("kind", BENCH_KINDS),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("bench_id", sa.ForeignKey(benches.c.bench_id), nullable=False),
    sa.Column("issue_id", sa.Text, nullable=False),
    sa.Column("issue", pg.JSONB, nullable=False),
    sa.Column("job_type", sa.Text, nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("dk_risk", "dk_size", "dk_priority")),
    sa.Column("planner_input", pg.JSONB, nullable=False),
    sa.Column("input_hash", sa.Text, nullable=False),
    sa.Column("workcell", pg.JSONB, nullable=False),
    sa.Column("baseline_key", sa.Text, nullable=False),
    sa.Column("baseline", pg.JSONB),
    sa.Column("admission_rank", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("open_executions", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("note", sa.Text),
    time_column("finished_at"),
    sa.Column("run_no", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("decision", pg.JSONB),
    sa.Column("design", pg.JSONB),
    one_of("state", CASE_STATES),
    sa.CheckConstraint("open_executions >= 0", name="open_executions"),
    sa.UniqueConstraint("bench_id", "issue_id", "run_no"),
    sa.Index("ix_cases_bench_state_rank", "bench_id", "state", "admission_rank"),
    comment="run_no counts a stream's runs of one issue. decision: planner_action and policy_trace of a stream's run. "
    "design: how the arms were drawn, with every inclusion probability.",
)

arms = sa.Table(
    "arms",
    metadata,
    sa.Column("arm_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), nullable=False, index=True),
    sa.Column("swarm_id", sa.Text, nullable=False),
    *(sa.Column(name, sa.Integer) for name in ("max_candidates", "max_minutes", "max_iterations")),
    sa.Column("canonical_rank", sa.SmallInteger, nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("strategy", "strategy_version")),
    sa.Column("propensity", sa.Double, nullable=False),
    sa.Column("propensity_kind", sa.Text, nullable=False),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("is_baseline", sa.Boolean, nullable=False),
    sa.Column("is_executed", sa.Boolean, nullable=False),
    sa.Column("planned", pg.JSONB, nullable=False),
    sa.Column("replicates", sa.SmallInteger, nullable=False),
    sa.CheckConstraint("propensity >= 0 AND propensity <= 1", name="propensity"),
    one_of("propensity_kind", PROPENSITY_KINDS),
    comment="NULL in a budget column is the bin NA: the configured default.",
)

machines = sa.Table(
    "machines",
    metadata,
    sa.Column("machine_id", sa.Text, primary_key=True),
    text_array("capabilities"),
    sa.Column("concurrency", sa.Integer, nullable=False),
    now_column("started_at"),
    now_column("seen_at"),
    sa.Column("infra_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("suspended", sa.Boolean, nullable=False, server_default=sa.false()),
    # SHA-256 of the token that the machine made; NULL until a machine of an older version sends one.
    sa.Column("token_hash", sa.LargeBinary),
    # The best sandbox that executions find there; NULL: it has not reported one.
    sa.Column("sandbox", sa.Text),
    time_column("suspended_at"),  # the last time; it stays when the machine is trusted again
)

queues = sa.Table(
    "queues",
    metadata,
    sa.Column("queue", sa.Text, primary_key=True),
    text_array("needs"),
    comment="A capability class: the toolchains and machine tags that its executions need.",
)

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("execution_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("bench_id", sa.Text, nullable=False),
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), nullable=False, index=True),
    sa.Column("arm_id", sa.BigInteger),
    sa.Column("replicate", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("worst_micro_usd", sa.BigInteger, nullable=False),
    sa.Column("worst_ms", sa.BigInteger, nullable=False),
    sa.Column("deadline_seconds", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lost", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("retries", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("lease_token", sa.Uuid),
    time_column("lease_until"),
    sa.Column("machine_id", sa.Text),
    time_column("not_before"),
    time_column("started_at"),
    time_column("finished_at"),
    sa.Column("reason", sa.Text),
    # Asked to stop and wait again: it runs beyond a daily cap that was lowered.
    sa.Column("hand_back_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    # Metered so far by the attempt that runs, from its last heartbeat.
    sa.Column("spent_micro_usd", sa.BigInteger),
    # How often it went back because its provider failed.
    sa.Column("provider_returns", sa.SmallInteger, nullable=False, server_default="0"),
    one_of("state", list(ExecutionState)),
    sa.CheckConstraint(
        "(state = 'running') = (lease_token IS NOT NULL)"
        " AND (lease_token IS NULL) = (lease_until IS NULL)"
        " AND (lease_token IS NULL OR (machine_id IS NOT NULL AND started_at IS NOT NULL))",
        name="lease",
    ),
    sa.CheckConstraint(
        "(state IN ('done', 'error', 'cancelled', 'skipped')) = (finished_at IS NOT NULL)", name="finished"
    ),
    sa.CheckConstraint("worst_micro_usd >= 0 AND worst_ms >= 0", name="worst"),
    sa.CheckConstraint(
        "spent_micro_usd IS NULL OR (state = 'running' AND spent_micro_usd >= 0)", name="spent"
    ),
    # Only the states that the farm asks for are indexed, and never the lease: heartbeats stay in-page.
    sa.Index(
        "ix_executions_ready", "queue", "rank", "execution_id", postgresql_where=sa.text("state = 'ready'")
    ),
    sa.Index("ix_executions_running", "bench_id", postgresql_where=sa.text("state = 'running'")),
    postgresql_with={"fillfactor": 80},
    comment="arm_id NULL: the baseline gates of the case, run before any spend.",
)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("lease_token", sa.Uuid, primary_key=True),
    comment="Tokens of claims that are under way; empty in every committed state.",
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("execution_id", sa.ForeignKey(executions.c.execution_id), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("lease_token", sa.Uuid, nullable=False, unique=True),
    sa.Column("machine_id", sa.Text, nullable=False),
    now_column("claimed_at"),
    time_column("ended_at"),
    sa.Column("ending", sa.Text, nullable=False, server_default="running"),
    sa.Column("message", sa.Text),
    sa.Column("micro_usd", sa.BigInteger),
    sa.Column("result", pg.JSONB),
    sa.Column("late_result", pg.JSONB),
    one_of("ending", ATTEMPT_ENDINGS),
    sa.CheckConstraint("(ending = 'running') = (ended_at IS NULL)", name="ended"),
    time_index("ix_attempts_claimed_at", "claimed_at"),
    comment="Every lease of every execution. micro_usd NULL: its spend is not known (yet).",
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("execution_id", sa.ForeignKey(executions.c.execution_id), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("error_class", sa.Text),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("budget_ms", sa.BigInteger, nullable=False),
    sa.Column("micro_usd", sa.BigInteger),
    sa.Column("charged_micro_usd", sa.BigInteger, nullable=False),
    sa.Column("overrun_micro_usd", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("cost_source", sa.Text, nullable=False),
    text_array("fail_codes"),
    sa.Column("gate_score", sa.Double),
    sa.Column("gates", pg.JSONB, nullable=False, server_default="[]"),
    sa.Column("executed_plan", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("chosen", sa.SmallInteger),
    now_column("recorded_at"),
    counter("provider_wait_ms"),
    one_of("status", OUTCOME_STATUSES),
    one_of("error_class", ERROR_CLASSES),
    sa.CheckConstraint("(status = 'error') = (error_class IS NOT NULL)", name="error_has_class"),
    sa.CheckConstraint("provider_wait_ms BETWEEN 0 AND duration_ms", name="provider_wait"),
    time_index("ix_outcomes_recorded_at", "recorded_at"),
    comment="What an execution came to, once. micro_usd NULL: unknown, charged at its reservation.",
)

candidates = sa.Table(
    "candidates",
    metadata,
    sa.Column("execution_id", sa.BigInteger, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("candidate", sa.SmallInteger, primary_key=True),
    sa.Column("workcell_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("error_class", sa.Text),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("micro_usd", sa.BigInteger),
    sa.Column("cost_source", sa.Text, nullable=False),
    sa.Column("document", pg.JSONB, nullable=False),
    counter("provider_wait_ms"),
    sa.CheckConstraint("provider_wait_ms BETWEEN 0 AND duration_ms", name="provider_wait"),
    sa.ForeignKeyConstraint(
        ["execution_id", "attempt"],
        [attempts.c.execution_id, attempts.c.attempt],
        name="fk_candidates_attempt",
    ),
    # It becomes the name of a directory.
    sa.CheckConstraint("workcell_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'", name="workcell_id"),
)

baselines = sa.Table(
    "baselines",
    metadata,
    sa.Column("baseline_key", sa.Text, primary_key=True),
    sa.Column("gates", pg.JSONB, nullable=False),
    now_column("checked_at"),
    comment="What the gates showed on a base commit, once per issue, commit, set-up and gates.",
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), primary_key=True),
    sa.Column("winner_arm_id", sa.ForeignKey(arms.c.arm_id)),
    sa.Column("objective", sa.Text, nullable=False),
    sa.Column("winner_value", sa.Double),
    sa.Column("tie_size", sa.SmallInteger, nullable=False),
    sa.Column("weights", pg.JSONB, nullable=False),
    now_column("decided_at"),
    comment="The winner of each finished case; no winner: no arm passed.",
)
