-- Which parts of actions won, had every action been tried equally often.

CREATE VIEW report.win_share_by_bin AS
SELECT
    bench_id, dimension, bin, 'pass_own_budget' AS estimand, arms_observed,
    weight / nullif(sum(weight) OVER part, 0) AS arm_share,
    cases_won,
    won_weight / nullif(sum(won_weight) OVER part, 0) AS win_share,
    won_weight / nullif(weight, 0) AS win_rate,
    passes / nullif(rated_weight, 0) AS pass_rate,
    CASE WHEN is_weighted THEN 'Hájek, weights 1/π' ELSE 'plain mean over the arms that ran' END AS weighting
FROM (
    SELECT
        s.bench_id, d.dimension, d.bin, bool_and(w.is_weighted) AS is_weighted,
        count(*) FILTER (WHERE s.observed) AS arms_observed,
        count(*) FILTER (WHERE s.is_winner) AS cases_won,
        coalesce(sum(w.share_weight) FILTER (WHERE s.observed), 0) AS weight,
        coalesce(sum(w.share_weight) FILTER (WHERE s.is_winner), 0) AS won_weight,
        sum(w.share_weight) FILTER (WHERE w.pass_share IS NOT NULL) AS rated_weight,
        sum(w.share_weight * w.pass_share) AS passes
    FROM report.arm_standings s
    LEFT JOIN report.weighted_arms w ON w.arm_id = s.arm_id AND w.bench_id = s.bench_id
    CROSS JOIN LATERAL (VALUES
        ('swarm_id', s.swarm_id), ('max_candidates_bin', s.max_candidates_bin),
        ('max_minutes_bin', s.max_minutes_bin), ('max_iterations_bin', s.max_iterations_bin)
    ) AS d (dimension, bin)
    GROUP BY s.bench_id, d.dimension, d.bin
) counted
WINDOW part AS (PARTITION BY bench_id, dimension);

COMMENT ON VIEW report.win_share_by_bin IS
    'One row a bench, part of the action and value of it: how often it won, weighted as though every action had been tried equally often.';
COMMENT ON COLUMN report.win_share_by_bin.bench_id IS 'The bench.';
COMMENT ON COLUMN report.win_share_by_bin.dimension IS
    'Part of the action: swarm_id, max_candidates_bin, max_minutes_bin or max_iterations_bin.';
COMMENT ON COLUMN report.win_share_by_bin.bin IS 'The value of that part.';
COMMENT ON COLUMN report.win_share_by_bin.estimand IS
    'What winners were best in: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.win_share_by_bin.arms_observed IS
    'Scored arms with this bin, in finished cases: a count, not weighted.';
COMMENT ON COLUMN report.win_share_by_bin.arm_share IS
    'Share of this bin among the actions that could be drawn, estimated from the scored arms weighted by 1/π.';
COMMENT ON COLUMN report.win_share_by_bin.cases_won IS
    'Finished cases whose winner has this bin: a count, not weighted.';
COMMENT ON COLUMN report.win_share_by_bin.win_share IS
    'Share of this bin among winners, each weighted by 1/π: a bin wins more than its due where this is above arm_share. Adds up to 1 over the bins.';
COMMENT ON COLUMN report.win_share_by_bin.win_rate IS
    'Share of the arms with this bin that won their case, weighted alike.';
COMMENT ON COLUMN report.win_share_by_bin.pass_rate IS
    'Mean of the pass shares of the arms with this bin, weighted alike; intervals are in report.action_rates.';
COMMENT ON COLUMN report.win_share_by_bin.weighting IS
    'How arms are weighed: by 1/π, or plainly where they were not drawn by lot.';
