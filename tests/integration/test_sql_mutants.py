"""Each rule of the SQL functions is watched: break it, and the scenario that is aimed at it fails."""

import re
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.engine import transaction
from db.schema_files import replace_code, schema_files
from tests.fixtures import brake_scenarios as brake
from tests.fixtures import cap_scenarios as caps
from tests.fixtures import circuit_scenarios as circuit
from tests.fixtures import lease_scenarios as leases
from tests.fixtures import race_scenarios as race
from tests.fixtures import steer_scenarios as steer
from tests.fixtures import worker_scenarios as workers
from tests.fixtures.lease_scenarios import Scenario


@dataclass(frozen=True)
class Mutant:
    """A text replaced in the body of a function, and the scenario that must notice."""

    name: str
    function: str
    old: str
    new: str
    killer: Scenario
    also: str = ""
    """SQL run besides: a second guard that would hide the missing first one."""


_TOKEN = " OR e.lease_token <> p_token"
_UNFENCED = "ALTER TABLE farm.caps DROP CONSTRAINT ck_caps_usd"

MUTANTS = [
    Mutant("claim forgets tokens", "claim_execution", "IF FOUND THEN", "IF false THEN",
           leases.a_claim_said_twice_is_one_claim),
    Mutant("claim revives an ended token", "claim_execution", "IF e.lease_token IS DISTINCT FROM p_token THEN",
           "IF false THEN", leases.a_repeated_token_of_a_retried_attempt_claims_nothing),
    Mutant("claim does not wait for its own first saying", "claim_execution",
           "INSERT INTO farm.claims VALUES (p_token) ON CONFLICT DO NOTHING;", "",
           leases.a_claim_said_again_while_the_first_is_under_way_is_one_claim),
    Mutant("claim waits for locked work", "claim_execution", " SKIP LOCKED", "",
           leases.two_claims_at_once_get_different_work),
    Mutant("claim takes no lock", "claim_execution", " FOR UPDATE SKIP LOCKED", "",
           leases.two_claims_at_once_get_different_work),
    Mutant("claim serves suspended machines", "claim_execution", "AND suspended", "AND false",
           leases.three_infrastructure_failures_in_a_row_suspend_a_machine),
    Mutant("claim ignores the backoff", "claim_execution", "not_before IS NULL OR", "true OR",
           leases.infrastructure_errors_are_retried_with_backoff_as_often_as_allowed),
    Mutant("heartbeat takes any token", "heartbeat", _TOKEN, "",
           leases.a_stranger_can_neither_complete_nor_keep_nor_hand_back),
    Mutant("heartbeat takes no lock", "heartbeat", " FOR NO KEY UPDATE", "",
           leases.a_heartbeat_that_waits_for_the_reaper_is_fenced),
    Mutant("heartbeat does not extend the lease", "heartbeat", "farm.lease_end(v_now, p_lease_seconds)", "v_now",
           leases.the_heartbeat_carries_orders),
    Mutant("heartbeat never says deadline", "heartbeat", "e.started_at + make_interval",
           "e.started_at + 9 * make_interval", leases.the_heartbeat_carries_orders),
    Mutant("complete takes any token", "complete_execution", " AND lease_token = p_token", "",
           leases.a_stranger_can_neither_complete_nor_keep_nor_hand_back),
    Mutant("complete does not fence old attempts", "complete_execution",
           "IF e.state <> 'running' OR e.attempt <> p_attempt OR e.lease_token <> p_token THEN",
           "IF e.state <> 'running' THEN",
           leases.a_result_after_the_lease_was_lost_is_kept_and_refunded_but_never_scored),
    Mutant("complete takes no lock", "complete_execution", " FOR UPDATE", "",
           leases.two_completions_at_once_count_once),
    Mutant("complete forgets that it was said", "complete_execution", "RETURN 'already';", "NULL;",
           leases.a_completion_said_twice_counts_once),
    Mutant("complete retries for ever", "complete_execution", "AND e.retries <", "AND 0 <",
           leases.infrastructure_errors_are_retried_with_backoff_as_often_as_allowed),
    Mutant("complete retries what a cap killed", "complete_execution", "'infra', 'provider'",
           "'infra', 'provider', 'killed_by_cap'", leases.errors_that_say_something_are_not_retried),
    Mutant("an overrun halts nothing", "halt_on_overrun", "p_over > 0", "p_over < 0",
           caps.spending_beyond_the_reservation_halts_the_bench),
    Mutant("hand-back takes any token", "release_execution", _TOKEN, "",
           leases.a_stranger_can_neither_complete_nor_keep_nor_hand_back),
    Mutant("hand-back forfeits everything", "release_execution",
           "farm.money_of(p_execution, p_attempt, p_result)", "NULL",
           leases.handing_back_costs_no_retry_and_no_more_than_was_spent),
    Mutant("report of a loss takes any token", "report_lost", _TOKEN, "",
           leases.a_stranger_can_neither_complete_nor_keep_nor_hand_back),
    Mutant("reaper takes no lock", "reap_expired", " FOR UPDATE SKIP LOCKED", "",
           leases.a_reaper_that_waits_takes_no_lease_that_was_renewed_meanwhile),
    Mutant("reaper takes live leases", "reap_expired", "(lease_until < clock_timestamp()", "(true",
           leases.the_reaper_takes_only_what_is_overdue),
    Mutant("nothing is ever quarantined", "lose", "IF e.lost > 0 THEN", "IF false THEN",
           leases.two_losses_are_a_quarantine_with_evidence),
    Mutant("a loss is free", "lose", "e.attempt, NULL, NULL,", "e.attempt, 0, 0,",
           leases.two_losses_are_a_quarantine_with_evidence),
    Mutant("requeue ignores the cancellation", "requeue", "IF e.cancel_requested THEN", "IF false THEN",
           steer.work_lost_or_handed_back_in_a_cancelled_bench_is_over),
    Mutant("requeue asks no cap", "requeue", "e.worst_ms, 1) IS NULL", "e.worst_ms, 1) IS NOT NULL OR v_open",
           caps.a_lost_attempt_without_money_for_another_waits_for_its_refund),
    Mutant("machines are never suspended", "count_infra", "infra_failures >= 2", "infra_failures >= 9",
           leases.three_infrastructure_failures_in_a_row_suspend_a_machine),
    Mutant("a case's environment counts against the machine", "is_of_case", "= 'true'::jsonb", "= '1'::jsonb",
           leases.the_environment_of_a_case_suspends_no_machine),
    Mutant("a success does not clear a machine", "count_infra", "ELSE 0 END", "ELSE infra_failures END",
           leases.three_infrastructure_failures_in_a_row_suspend_a_machine),
    Mutant("a toolchain that can try nothing counts against its machine", "is_of_case",
           '["cannot_try"]', '["no_such_code"]',
           leases.a_toolchain_that_can_try_nothing_suspends_no_machine),
    Mutant("settles twice", "settle", "ON CONFLICT DO NOTHING;\n    IF NOT FOUND THEN",
           "ON CONFLICT DO NOTHING;\n    IF false THEN", caps.settling_and_refunding_happen_once),
    Mutant("settles what was released", "settle", "usd_spent = usd_spent + v_usd",
           "usd_spent = usd_spent + r.micro_usd - v_usd", caps.the_rest_of_a_reservation_is_free_again),
    Mutant("frees only what was spent", "settle", "usd_reserved = usd_reserved - r.micro_usd",
           "usd_reserved = usd_reserved - v_usd", caps.the_rest_of_a_reservation_is_free_again),
    Mutant("an unknown cost is free", "settle", "coalesce(p_usd, r.micro_usd)", "coalesce(p_usd, 0)",
           caps.an_unknown_cost_settles_at_its_reservation),
    Mutant("spends beyond the reservation", "settle", "least(coalesce(p_usd, r.micro_usd), r.micro_usd)",
           "coalesce(p_usd, r.micro_usd)", caps.spending_beyond_the_reservation_halts_the_bench),
    Mutant("refunds twice", "refund", "ON CONFLICT DO NOTHING;\n    IF NOT FOUND THEN",
           "ON CONFLICT DO NOTHING;\n    IF false THEN", caps.settling_and_refunding_happen_once),
    Mutant("refunds nothing", "refund", "usd_spent - v_usd", "usd_spent",
           leases.a_result_after_the_lease_was_lost_is_kept_and_refunded_but_never_scored),
    Mutant("caps are not locked", "lock_caps", " FOR UPDATE", "", caps.the_second_to_reserve_waits_for_the_first),
    Mutant("what is reserved counts for nothing", "refusal", "c.usd_spent + c.usd_reserved + p_usd",
           "c.usd_spent + p_usd", caps.a_case_is_admitted_whole_or_not_at_all),
    Mutant("reads, then writes", "lock_caps", " FOR UPDATE", "",
           caps.a_storm_of_reservations_stays_under_the_dollars,
           also=_UNFENCED + "; CREATE OR REPLACE FUNCTION farm.reserve(p_bench text, p_case bigint, p_day date,"
           " p_executions bigint[]) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(0.02);"
           " INSERT INTO farm.ledger SELECT execution_id, attempt + 1, 'reserve', worst_micro_usd, worst_ms, 1, p_day"
           " FROM farm.executions WHERE execution_id = ANY (p_executions);"
           " UPDATE farm.caps SET usd_reserved = usd_reserved + 100, ms_reserved = ms_reserved + 1000,"
           " executions_reserved = executions_reserved + 1"
           " WHERE bench_id = p_bench OR case_id = p_case OR day = p_day $$"),
    Mutant("the day has no cap", "lock_caps", " OR day = p_day", "", caps.a_storm_of_reservations_stays_under_the_day),
    Mutant("takes back without giving back", "take_back", "PERFORM farm.unreserve(p_bench, v_ids);", "",
           caps.spending_beyond_the_reservation_halts_the_bench),
    Mutant("takes back under the same attempt", "take_back", ", attempt = attempt + 1", "",
           caps.spending_beyond_the_reservation_halts_the_bench),
    Mutant("cancel overlooks what runs", "cancel_bench", "'pending', 'ready', 'running', 'skipped'",
           "'pending', 'ready'", steer.cancelling_stops_what_waits_and_orders_what_runs),
    Mutant("cancel does not lock what runs", "cancel_bench", " FOR UPDATE OF e", "",
           steer.work_handed_back_during_a_cancellation_is_cancelled_too),
    Mutant("cancel keeps the money", "cancel_bench", "PERFORM farm.unreserve(p_bench, v_ids);", "",
           steer.cancelling_stops_what_waits_and_orders_what_runs),
    Mutant("resume revives a cancelled bench", "resume_bench", "AND state <> 'cancelled'", "",
           steer.a_cancelled_bench_is_not_resumed),
    Mutant("resume takes the bench before its caps", "resume_bench",
           "PERFORM FROM farm.caps WHERE bench_id = p_bench FOR UPDATE;", "",
           steer.a_resume_and_an_overrun_do_not_wait_for_each_other),
    Mutant("resume leaves the bench unlocked", "resume_bench", "AND state <> 'cancelled'", "AND state = 'halted'",
           steer.raising_a_cap_picks_up_what_it_had_skipped),
    Mutant("admission ignores a halt", "admit_case", "bench_id = c.bench_id) <> 'open'", "bench_id = c.bench_id) = ''",
           caps.spending_beyond_the_reservation_halts_the_bench),
    Mutant("what a race dropped runs on", "admit_case", "PERFORM farm.leave_out_dropped(p_case);", "",
           race.a_dropped_arm_is_left_out_of_later_cases_at_no_cost),
    Mutant("what a race dropped is paid for", "admit_case", " AND state = 'pending';", ";",
           race.a_dropped_arm_is_left_out_of_later_cases_at_no_cost),
    Mutant("a race drops the baseline", "leave_out_dropped", "a.stratum <> 'baseline'", "true",
           race.the_baseline_runs_on_where_its_action_is_dropped),
    Mutant("a case waits for what a race dropped", "leave_out_dropped", "open_executions - v_n", "open_executions",
           race.a_dropped_arm_is_left_out_of_later_cases_at_no_cost),
    Mutant("a case with nothing left is never decided", "admit_case",
           "SET state = 'admitted', reason = NULL WHERE case_id = p_case;\n            RETURN",
           "SET reason = NULL WHERE case_id = p_case;\n            RETURN",
           race.a_case_with_nothing_left_to_run_is_decided),
    Mutant("a lease may be for ever", "lease_end", "least(3600, p_seconds)", "p_seconds",
           workers.a_lease_ends_within_an_hour),
    Mutant("a lease may be over before it begins", "lease_end", "greatest(5,", "greatest(-1e10,",
           workers.a_lease_ends_within_an_hour),
    Mutant("claim asks no machine for its token", "claim_execution",
           "IF NOT farm.is_machine(", "IF false AND farm.is_machine(",
           workers.a_stranger_neither_claims_nor_greets_under_a_name),
    Mutant("greet asks no machine for its token", "greet_machine",
           "IF NOT farm.is_machine(", "IF false AND farm.is_machine(",
           workers.a_stranger_neither_claims_nor_greets_under_a_name),
    Mutant("any token is a machine's", "is_machine", "AND token_hash = sha256(uuid_send(p_token))", "",
           workers.a_stranger_neither_claims_nor_greets_under_a_name),
    Mutant("any token registers any name", "register_machine",
           "WHERE machines.token_hash IS NULL OR machines.token_hash = EXCLUDED.token_hash", "",
           workers.a_name_belongs_to_the_token_that_registered_it_first),
    Mutant("complete checks no result", "complete_execution", "PERFORM farm.check_result(p_result);", "",
           workers.a_late_result_gives_back_no_more_than_its_own_attempt_forfeited),
    Mutant("hand-back checks no result", "release_execution", "PERFORM farm.check_result(p_result);", "",
           workers.a_late_result_gives_back_no_more_than_its_own_attempt_forfeited),
    Mutant("a cost may be negative", "is_whole", "BETWEEN 0 AND", "BETWEEN -p_max AND",
           workers.a_late_result_gives_back_no_more_than_its_own_attempt_forfeited),
    Mutant("reaper knows no deadline", "reap_expired",
           "OR started_at + make_interval(secs => deadline_seconds + 900) < clock_timestamp()", "",
           workers.work_kept_up_past_its_deadline_is_taken_back_whatever_its_heart_says),
    Mutant("reaper leaves no time to stop", "reap_expired", "deadline_seconds + 900", "deadline_seconds",
           workers.work_kept_up_past_its_deadline_is_taken_back_whatever_its_heart_says),
    Mutant("a turn is anybody's", "take_turn", "IF farm.holder_lives(t) THEN", "IF false THEN",
           workers.a_turn_is_one_sessions_until_it_ends),
    Mutant("a turn is never free", "take_turn", "IF farm.holder_lives(t) THEN",
           "IF t.holder_pid IS NOT NULL THEN", workers.a_turn_is_one_sessions_until_it_ends),
    Mutant("a turn knows only numbers of processes", "holder_lives",
           "AND (s.backend_start IS NULL OR s.backend_start = t.holder_started_at)", "",
           workers.a_turn_whose_holders_number_came_again_is_free),
    Mutant("the turn's fence stands still", "take_turn", "fence = fence + 1", "fence = fence",
           workers.a_turn_is_one_sessions_until_it_ends),
    Mutant("a lowered cap has no excess", "set_daily_cap", "usd_excess = greatest(0, usd_spent + usd_reserved - p_usd)",
           "usd_excess = 0", brake.a_cap_below_what_is_spent_holds_at_once),
    Mutant("the excess grows again", "guard_excess", "least(NEW.usd_excess, OLD.usd_excess)", "NEW.usd_excess",
           brake.a_lowered_cap_cannot_be_exceeded_anew),
    Mutant("the excess does not shrink", "guard_excess",
           "greatest(0, NEW.usd_spent + NEW.usd_reserved - NEW.usd_limit)", "NEW.usd_excess",
           brake.a_cap_below_what_is_spent_holds_at_once),
    Mutant("the brake stops the oldest", "stop_beyond_cap", "started_at DESC, execution_id DESC",
           "started_at, execution_id", brake.a_cap_below_what_is_spent_holds_at_once),
    Mutant("the brake stops everything", "stop_beyond_cap", "WHERE before < usd", "WHERE true",
           brake.a_cap_below_what_is_spent_holds_at_once),
    Mutant("the brake forgets whom it asked", "stop_beyond_cap", "state = 'ready' OR is_ending", "state = 'ready'",
           brake.the_brake_asks_again_where_what_was_spent_is_not_free),
    Mutant("the brake is not heard", "heartbeat", "WHEN e.hand_back_requested THEN 'hand_back'", "",
           brake.a_cap_below_what_is_spent_holds_at_once),
    Mutant("a raised cap lets nobody go on", "set_daily_cap",
           "UPDATE farm.executions SET hand_back_requested = false WHERE state = 'running' AND hand_back_requested;",
           "", brake.a_cap_raised_before_it_was_heard_stops_nothing),
    Mutant("what was stopped once is stopped for ever", "claim_execution", ", hand_back_requested = false", "",
           brake.what_was_stopped_runs_again_at_no_retry_and_is_never_scored),
    Mutant("a closed day skips", "refusal", "(c.usd_excess = 0 AND c.usd_limit > 0)", "true",
           brake.nothing_is_skipped_while_the_day_is_closed),
    Mutant("a day above its cap skips", "refusal", "c.usd_excess = 0 AND c.usd_limit > 0", "c.usd_limit > 0",
           brake.nothing_is_skipped_while_the_day_is_closed),
    Mutant("the brake stops what is free", "holders_beyond_cap", " AND r.micro_usd > 0", "",
           brake.what_costs_nothing_goes_on),
    Mutant("a used up day admits nothing free", "reserve", " OR v_usd = 0", "", brake.what_costs_nothing_goes_on),
    Mutant("yesterday's money runs on", "set_daily_cap", "ELSE greatest(0, usd_reserved - v_left) END", "ELSE 0 END",
           brake.money_of_yesterday_counts_as_far_as_it_still_runs),
    Mutant("yesterday's spend counts today", "set_daily_cap", "usd_spent + CASE WHEN p_usd IS NULL THEN usd_reserved "
           "ELSE least(usd_reserved, v_left) END", "p_usd",
           brake.money_of_yesterday_counts_as_far_as_it_still_runs),
    Mutant("a paused class runs on", "claim_execution", "AND (NOT v_paused OR arm_id IS NULL)", "",
           circuit.three_failures_in_a_row_pause_a_class),
    Mutant("a paused class checks nothing", "claim_execution", "AND (NOT v_paused OR arm_id IS NULL)",
           "AND NOT v_paused", circuit.base_commits_are_checked_while_a_class_is_paused),
    Mutant("a paused class looks ready", "greet_machine", "NOT farm.is_paused(q.queue) AND", "",
           circuit.three_failures_in_a_row_pause_a_class),
    Mutant("the circuit is not read again", "take_probe", "OR NOT farm.probe_is_due(p_queue)", "",
           circuit.one_probe_runs_at_a_time_and_its_result_resumes_the_class,
           also="CREATE OR REPLACE FUNCTION farm.probe_is_due(p_queue text) RETURNS boolean LANGUAGE plpgsql AS $$"
           " DECLARE is_due boolean := EXISTS (SELECT FROM farm.circuits c WHERE c.queue = p_queue"
           " AND c.probe_at <= clock_timestamp() AND NOT farm.probe_runs(c));"
           " BEGIN PERFORM pg_sleep(random()); RETURN is_due; END $$"),
    Mutant("a claim waits for the probe's", "take_probe", "queue = p_queue FOR UPDATE SKIP LOCKED",
           "queue = p_queue FOR UPDATE", circuit.a_claim_does_not_wait_for_one_that_takes_the_probe),
    Mutant("the first execution probes always", "take_probe", "provider_returns, rank", "rank",
           circuit.each_probe_that_fails_doubles_the_wait_and_is_another_execution),
    Mutant("the wait grows for ever", "count_provider_failure", "least(600, 2 * c.backoff_seconds)",
           "2 * c.backoff_seconds", circuit.each_probe_that_fails_doubles_the_wait_and_is_another_execution),
    Mutant("what goes back goes back for ever", "count_provider_failure", "e.provider_returns >= 5",
           "e.provider_returns >= 50", circuit.an_execution_goes_back_five_times_at_most),
    Mutant("a returned execution is not counted", "return_to_wait", "provider_returns + 1", "provider_returns",
           circuit.an_execution_goes_back_five_times_at_most),
    Mutant("the first failures are lost", "count_provider_failure", "OR (e.retries >= b.max_retries AND (",
           "OR (false AND (", circuit.failures_that_may_begin_an_outage_lose_nothing),
    Mutant("a result of before proves it", "count_answer", "greatest(answered_from, e.started_at)",
           "clock_timestamp()", circuit.failures_that_may_begin_an_outage_lose_nothing),
    Mutant("an answer is forgotten", "count_answer", "answered_from = greatest(answered_from, e.started_at)",
           "answered_from = answered_from", circuit.failures_that_may_begin_an_outage_lose_nothing),
    Mutant("a result does not end the row of failures", "count_answer", "WHEN opened_at IS NULL THEN 0 ELSE",
           "WHEN true THEN failures ELSE", circuit.a_result_between_failures_keeps_a_class_running),
    Mutant("a lost probe blocks its class", "probe_runs", "AND state = 'running'", "",
           circuit.a_probe_that_ends_without_evidence_frees_its_turn),
    Mutant("any spend resumes a class", "close_by_probe",
           "AND c.probe_execution_id = e.execution_id\n      AND c.probe_attempt = e.attempt", "",
           circuit.live_spend_of_a_probe_resumes_the_class),
    Mutant("a probe without an answer resumes a class", "heartbeat", "IF p_spent_micro_usd > 0 THEN",
           "IF p_spent_micro_usd >= 0 THEN", circuit.live_spend_of_a_probe_resumes_the_class),
    Mutant("a paused class admits more", "admit_case", "v_paused := farm.paused_class(v_ids);", "",
           circuit.a_paused_class_admits_no_case_but_one_to_probe_with),
    Mutant("nothing is admitted to probe with", "is_held_back", "OR EXISTS (", "OR NOT EXISTS (",
           circuit.a_paused_class_admits_no_case_but_one_to_probe_with),
    Mutant("what goes back is executed", "complete_execution", "NOT (v_retry OR v_return)", "NOT v_retry",
           circuit.what_went_back_keeps_its_spend_and_reserves_anew),
    Mutant("failures are counted without a lock", "count_provider_failure",
           "WHERE queue = e.queue FOR UPDATE;", "WHERE queue = e.queue; PERFORM pg_sleep(0.2);",
           circuit.failures_at_once_open_one_circuit),
]  # fmt: skip


def body_of(function: str) -> str:
    text = "".join(entry.read_text(encoding="utf-8") for entry in schema_files())
    found = re.findall(rf"CREATE FUNCTION farm\.{function}\(.*?\$\$.*?\$\$;", text, re.DOTALL)
    assert len(found) == 1, function
    return str(found[0])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_killed(engine: sa.Engine, mutant: Mutant) -> None:
    body = body_of(mutant.function)
    assert mutant.old in body
    mutated = body.replace(mutant.old, mutant.new).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    with engine.begin() as connection:
        for sql in filter(None, (mutated, mutant.also)):
            connection.exec_driver_sql(sql.replace("%", "%%"))
    try:
        with pytest.raises((AssertionError, DBAPIError, pytest.fail.Exception)):
            mutant.killer(engine)
    finally:
        restore(engine, mutant)


def restore(engine: sa.Engine, mutant: Mutant) -> None:
    with transaction(engine) as connection:
        replace_code(connection.connection.driver_connection)
        if mutant.also:
            # What is not a function stays broken: no later test may be given this database.
            connection.exec_driver_sql(
                "UPDATE farm.settings SET value = '\"mutant\"' WHERE key = 'code_hash'"
            )
