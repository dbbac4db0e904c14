-- Rates of actions and of groups of actions as they were last published; see report.published_estimates.

CREATE VIEW report.action_rates AS
SELECT
    bench_id, subject, canonical_rank, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin,
    quantity, estimand, issues, effective_issues, value, low, high, method, why_not
FROM farm.action_estimates;

COMMENT ON VIEW report.action_rates IS
    'One row a bench, action or group of actions, and quantity, in benches whose estimates are published: the numbers of the Actions table of bench report, with 95 % intervals.';
COMMENT ON COLUMN report.action_rates.bench_id IS 'The bench.';
COMMENT ON COLUMN report.action_rates.subject IS
    'The action as reports write it, or the group: the part of an action and its value.';
COMMENT ON COLUMN report.action_rates.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0; NULL for a group.';
COMMENT ON COLUMN report.action_rates.swarm_id IS
    'Action: topology, serial_handoff or speculate_vote; NULL: any, in a group.';
COMMENT ON COLUMN report.action_rates.max_candidates_bin IS
    'Action: candidates; NA is the configured default; NULL: any, in a group.';
COMMENT ON COLUMN report.action_rates.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default; NULL: any, in a group.';
COMMENT ON COLUMN report.action_rates.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default; NULL: any, in a group.';
COMMENT ON COLUMN report.action_rates.quantity IS
    'pass_rate: partially pooled over the actions, the number to quote; of a group, the mean over its actions that could be drawn. own_pass_rate: from its own runs alone. minutes_to_pass, dollars_per_pass: ratios, not pooled.';
COMMENT ON COLUMN report.action_rates.estimand IS
    'What the number is of: pass_own_budget, the pass of an execution under its own budget; pass_within_caps, in which a kill by its own dollar cap is a failure too; or the quantity.';
COMMENT ON COLUMN report.action_rates.issues IS 'Issues on which it was observed.';
COMMENT ON COLUMN report.action_rates.effective_issues IS
    'Kish''s effective number of these issues under the weights 1/π; NULL for a group.';
COMMENT ON COLUMN report.action_rates.value IS 'The estimate; NULL where it is refused, and where more than 2 % of the runs are missing: then low and high are bounds.';
COMMENT ON COLUMN report.action_rates.low IS
    'Lower end of its 95 % interval over issues like these, or with value NULL that of all missing runs failing; NULL where few issues have a pass.';
COMMENT ON COLUMN report.action_rates.high IS 'Upper end of its 95 % interval over issues like these, or with value NULL that of all missing runs passing.';
COMMENT ON COLUMN report.action_rates.method IS 'How it is weighed, and how its interval was made.';
COMMENT ON COLUMN report.action_rates.why_not IS 'Why there is no value; NULL where there is one, or bounds.';
