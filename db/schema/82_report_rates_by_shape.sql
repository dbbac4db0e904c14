-- Pass rate, cost per pass and mean time to pass, by the risk and the size of issues.

CREATE VIEW report.pass_rate_by_risk AS
SELECT
    bench_id, dk_risk, estimand,
    executions, scored, passed, timeouts, errors, unknown_costs, pass_rate,
    charged_micro_usd, charged_usd, spent_micro_usd, spent_usd, cost_per_pass_micro_usd, cost_per_pass_usd,
    mean_time_to_pass_ms, mean_provider_wait_ms, issues, pass_rate_se, error_share, weighting, why_not
FROM report.group_rates WHERE dimension = 'risk';

COMMENT ON VIEW report.pass_rate_by_risk IS
    'One row a bench and risk: pass rate, cost per pass and mean time to pass, uniform over the actions that could be drawn on each issue.';
COMMENT ON COLUMN report.pass_rate_by_risk.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_risk.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.pass_rate_by_risk.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_risk.executions IS 'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_risk.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_risk.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_risk.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_risk.errors IS 'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_risk.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_risk.pass_rate IS
    'Mean of the pass shares of its arms, weighted by 1/π and not passed ÷ scored; see weighting. NULL where why_not has a reason; passed and scored are the raw counts.';
COMMENT ON COLUMN report.pass_rate_by_risk.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_risk.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_risk.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_risk.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_risk.cost_per_pass_micro_usd IS
    'What was spent ÷ passes, both weighted as pass_rate is, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_risk.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_risk.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, weighted as pass_rate is, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_risk.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_risk.issues IS 'Issues with a scored execution: what pass_rate rests on.';
COMMENT ON COLUMN report.pass_rate_by_risk.pass_rate_se IS
    'Linearised standard error of pass_rate over issues; NULL where pass_rate is. 0 where all agree: see report.action_rates for intervals.';
COMMENT ON COLUMN report.pass_rate_by_risk.error_share IS
    'Share of the executions with an outcome that ended as error, weighted as pass_rate is.';
COMMENT ON COLUMN report.pass_rate_by_risk.weighting IS
    'How arms are weighed: by 1/π, or plainly where they were not drawn by lot; then rows of different issues do not compare.';
COMMENT ON COLUMN report.pass_rate_by_risk.why_not IS
    'Why there is no pass_rate: fewer than 10 issues, or more than 2 % of the rated executions missing; NULL where there is one.';

CREATE VIEW report.pass_rate_by_size AS
SELECT
    bench_id, dk_size, estimand,
    executions, scored, passed, timeouts, errors, unknown_costs, pass_rate,
    charged_micro_usd, charged_usd, spent_micro_usd, spent_usd, cost_per_pass_micro_usd, cost_per_pass_usd,
    mean_time_to_pass_ms, mean_provider_wait_ms, issues, pass_rate_se, error_share, weighting, why_not
FROM report.group_rates WHERE dimension = 'size';

COMMENT ON VIEW report.pass_rate_by_size IS
    'One row a bench and size: pass rate, cost per pass and mean time to pass, uniform over the actions that could be drawn on each issue.';
COMMENT ON COLUMN report.pass_rate_by_size.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_size.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.pass_rate_by_size.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_size.executions IS 'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_size.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_size.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_size.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_size.errors IS 'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_size.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_size.pass_rate IS
    'Mean of the pass shares of its arms, weighted by 1/π and not passed ÷ scored; see weighting. NULL where why_not has a reason; passed and scored are the raw counts.';
COMMENT ON COLUMN report.pass_rate_by_size.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_size.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_size.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_size.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_size.cost_per_pass_micro_usd IS
    'What was spent ÷ passes, both weighted as pass_rate is, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_size.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_size.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, weighted as pass_rate is, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_size.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_size.issues IS 'Issues with a scored execution: what pass_rate rests on.';
COMMENT ON COLUMN report.pass_rate_by_size.pass_rate_se IS
    'Linearised standard error of pass_rate over issues; NULL where pass_rate is. 0 where all agree: see report.action_rates for intervals.';
COMMENT ON COLUMN report.pass_rate_by_size.error_share IS
    'Share of the executions with an outcome that ended as error, weighted as pass_rate is.';
COMMENT ON COLUMN report.pass_rate_by_size.weighting IS
    'How arms are weighed: by 1/π, or plainly where they were not drawn by lot; then rows of different issues do not compare.';
COMMENT ON COLUMN report.pass_rate_by_size.why_not IS
    'Why there is no pass_rate: fewer than 10 issues, or more than 2 % of the rated executions missing; NULL where there is one.';
