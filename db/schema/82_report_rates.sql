-- Pass rate, cost per pass and mean time to pass, by action and by slice. Counts add up over rows; rates do not.

CREATE VIEW report.pass_rate_by_action AS
SELECT
    bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, estimand,
    executions, scored, passed, timeouts, errors, unknown_costs, pass_rate,
    charged_micro_usd, charged_usd, spent_micro_usd, spent_usd, cost_per_pass_micro_usd, cost_per_pass_usd,
    mean_time_to_pass_ms, mean_provider_wait_ms, issues, pass_rate_se, error_share, weighting, why_not
FROM report.group_rates WHERE dimension = 'action';

COMMENT ON VIEW report.pass_rate_by_action IS
    'One row a bench and action: its pass rate, cost per pass and mean time to pass over the issues on which it could be drawn, not pooled.';
COMMENT ON COLUMN report.pass_rate_by_action.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_action.swarm_id IS
    'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.pass_rate_by_action.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.pass_rate_by_action.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.pass_rate_by_action.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.pass_rate_by_action.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_action.executions IS 'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_action.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_action.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_action.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_action.errors IS 'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_action.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_action.pass_rate IS
    'Mean of the pass shares of its arms, weighted by 1/π and not passed ÷ scored; see weighting. NULL where why_not has a reason; passed and scored are the raw counts.';
COMMENT ON COLUMN report.pass_rate_by_action.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_action.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_action.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_action.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_action.cost_per_pass_micro_usd IS
    'What was spent ÷ passes, both weighted as pass_rate is, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_action.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_action.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, weighted as pass_rate is, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_action.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_action.issues IS 'Issues with a scored execution: what pass_rate rests on.';
COMMENT ON COLUMN report.pass_rate_by_action.pass_rate_se IS
    'Linearised standard error of pass_rate over issues; NULL where pass_rate is. 0 where all agree: see report.action_rates for intervals.';
COMMENT ON COLUMN report.pass_rate_by_action.error_share IS
    'Share of the executions with an outcome that ended as error, weighted as pass_rate is.';
COMMENT ON COLUMN report.pass_rate_by_action.weighting IS
    'How arms are weighed: by 1/π, or plainly where they were not drawn by lot; then rows of different issues do not compare.';
COMMENT ON COLUMN report.pass_rate_by_action.why_not IS
    'Why there is no pass_rate: fewer than 10 issues, or more than 2 % of the rated executions missing; NULL where there is one.';

CREATE VIEW report.pass_rate_by_slice AS
SELECT
    bench_id, slice, estimand,
    executions, scored, passed, timeouts, errors, unknown_costs, pass_rate,
    charged_micro_usd, charged_usd, spent_micro_usd, spent_usd, cost_per_pass_micro_usd, cost_per_pass_usd,
    mean_time_to_pass_ms, mean_provider_wait_ms, issues, pass_rate_se, error_share, weighting, why_not
FROM report.group_rates WHERE dimension = 'slice';

COMMENT ON VIEW report.pass_rate_by_slice IS
    'One row a bench and slice: pass rate, cost per pass and mean time to pass, uniform over the actions that could be drawn on each issue.';
COMMENT ON COLUMN report.pass_rate_by_slice.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_slice.slice IS 'The named slice the bench was submitted with.';
COMMENT ON COLUMN report.pass_rate_by_slice.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_slice.executions IS 'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_slice.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_slice.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_slice.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_slice.errors IS 'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_slice.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_slice.pass_rate IS
    'Mean of the pass shares of its arms, weighted by 1/π and not passed ÷ scored; see weighting. NULL where why_not has a reason; passed and scored are the raw counts.';
COMMENT ON COLUMN report.pass_rate_by_slice.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_slice.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_slice.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_slice.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_slice.cost_per_pass_micro_usd IS
    'What was spent ÷ passes, both weighted as pass_rate is, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_slice.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_slice.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, weighted as pass_rate is, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_slice.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_slice.issues IS 'Issues with a scored execution: what pass_rate rests on.';
COMMENT ON COLUMN report.pass_rate_by_slice.pass_rate_se IS
    'Linearised standard error of pass_rate over issues; NULL where pass_rate is. 0 where all agree: see report.action_rates for intervals.';
COMMENT ON COLUMN report.pass_rate_by_slice.error_share IS
    'Share of the executions with an outcome that ended as error, weighted as pass_rate is.';
COMMENT ON COLUMN report.pass_rate_by_slice.weighting IS
    'How arms are weighed: by 1/π, or plainly where they were not drawn by lot; then rows of different issues do not compare.';
COMMENT ON COLUMN report.pass_rate_by_slice.why_not IS
    'Why there is no pass_rate: fewer than 10 issues, or more than 2 % of the rated executions missing; NULL where there is one.';
