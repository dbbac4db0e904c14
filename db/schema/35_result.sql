-- Validation of the results that workers report. Its login is trusted to work, not to be honest: a negative cost would give
-- back what others spent, a huge one would overflow the books, a name with a slash would leave its directory.

-- Whether a value is missing, or a whole number from 0 to p_max.
CREATE FUNCTION farm.is_whole(p_value jsonb, p_max numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE coalesce(jsonb_typeof(p_value), 'null')
        WHEN 'null' THEN true
        WHEN 'number' THEN (p_value #>> '{}')::numeric BETWEEN 0 AND p_max AND (p_value #>> '{}')::numeric % 1 = 0
        ELSE false
    END
$$;

-- The elements of an array; none where it is missing. Anything else is refused.
CREATE FUNCTION farm.elements(p_result jsonb, p_key text, p_most int) RETURNS SETOF jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(jsonb_typeof(p_result -> p_key), 'null') = 'null' THEN
        RETURN;
    END IF;
    IF jsonb_typeof(p_result -> p_key) <> 'array' OR jsonb_array_length(p_result -> p_key) > p_most THEN
        RAISE EXCEPTION 'the result is refused: % is no list of at most % elements', p_key, p_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY SELECT jsonb_array_elements(p_result -> p_key);
END $$;

-- The first part of one candidate that cannot be; NULL where all can.
CREATE FUNCTION farm.bad_part_of_candidate(d jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (
        SELECT min(part) FROM (VALUES
            ('index', d ->> 'index' IS NOT NULL AND farm.is_whole(d -> 'index', 9999)),
            ('workcell_id', coalesce(d ->> 'workcell_id' ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$', false)),
            ('status', coalesce(d ->> 'status' IN ('success', 'failed', 'timeout', 'error'), false)),
            ('error_class', coalesce(d ->> 'error_class' IN
                ('infra', 'provider', 'killed_by_cap', 'lost', 'invalid_issue'), true)),
            ('cost_source', coalesce(d ->> 'cost_source' IN ('metered', 'reported', 'priced', 'unknown'), false)),
            ('duration_ms', d ->> 'duration_ms' IS NOT NULL AND farm.is_whole(d -> 'duration_ms', 1e12)),
            ('billed_ms', farm.is_whole(d -> 'billed_ms', 1e12)),
            ('provider_wait_ms', farm.is_whole(d -> 'provider_wait_ms', 1e12)),
            ('micro_usd', farm.is_whole(d -> 'micro_usd', 1e15)),
            ('micro_usd_at_least', farm.is_whole(d -> 'micro_usd_at_least', 1e15)),
            ('started_at', coalesce(jsonb_typeof(d -> 'started_at'), 'null') IN ('null', 'number')),
            ('rounds', (SELECT coalesce(bool_and(
                farm.is_whole(r -> 'duration_ms', 1e12) AND farm.is_whole(r -> 'tokens_in', 1e18)
                AND farm.is_whole(r -> 'tokens_out', 1e18) AND farm.is_whole(r -> 'usd_reported', 1e15)
                AND farm.is_whole(r -> 'usd_priced', 1e15) AND farm.is_whole(r -> 'usd_at_least', 1e15)
                AND farm.is_whole(r -> 'usd_metered', 1e15) AND farm.is_whole(r -> 'model_calls', 1e9)
                AND farm.is_whole(r -> 'provider_wait_ms', 1e12)), true) FROM farm.elements(d, 'rounds', 1000) r))
        ) checked (part, is_good) WHERE NOT is_good);
END $$;

-- Raises where a result is impossible; nothing of it is stored then.
CREATE FUNCTION farm.check_result(p_result jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_bad text;
BEGIN
    IF jsonb_typeof(p_result) IS DISTINCT FROM 'object' OR pg_column_size(p_result) > 32 * 1024 * 1024 THEN
        v_bad := 'it is no object of at most 32 MiB';
    END IF;
    v_bad := coalesce(v_bad, (
        SELECT min(part) FROM (VALUES
            ('status', coalesce(p_result ->> 'status' IN ('success', 'failed', 'timeout', 'error'), true)),
            ('error_class', coalesce(p_result ->> 'error_class' IN
                ('infra', 'provider', 'killed_by_cap', 'lost', 'invalid_issue'), true)),
            ('cost_source', coalesce(p_result ->> 'cost_source' IN ('metered', 'reported', 'priced', 'unknown'), true)),
            ('micro_usd', farm.is_whole(p_result -> 'micro_usd', 1e15)),
            ('micro_usd_at_least', farm.is_whole(p_result -> 'micro_usd_at_least', 1e15)),
            ('duration_ms', farm.is_whole(p_result -> 'duration_ms', 1e12)),
            ('budget_ms', farm.is_whole(p_result -> 'budget_ms', 1e12)),
            ('provider_wait_ms', farm.is_whole(p_result -> 'provider_wait_ms', 1e12)),
            ('chosen', farm.is_whole(p_result -> 'chosen', 9999)),
            ('gates', (SELECT coalesce(bool_and(coalesce(jsonb_typeof(g -> 'score'), 'null') = 'null'
                OR (jsonb_typeof(g -> 'score') = 'number' AND (g ->> 'score')::numeric BETWEEN 0 AND 1)), true)
                FROM farm.elements(p_result, 'gates', 1000) g)),
            ('fail_codes', (SELECT coalesce(bool_and(jsonb_typeof(f) = 'string' AND length(f #>> '{}') <= 1000), true)
                FROM farm.elements(p_result, 'fail_codes', 10000) f)),
            ('baseline', (SELECT count(*) >= 0 FROM farm.elements(p_result, 'baseline', 1000)))
        ) checked (part, is_good) WHERE NOT is_good));
    v_bad := coalesce(v_bad, (
        SELECT 'candidates: ' || min(farm.bad_part_of_candidate(d)) FROM farm.elements(p_result, 'candidates', 1000) d));
    IF v_bad IS NOT NULL THEN
        RAISE EXCEPTION 'the result is refused: %', v_bad USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;
