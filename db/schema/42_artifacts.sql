-- Artifacts of a candidate, stored before the attempt is completed: a machine that is lost after that loses nothing.

-- The identity of this farm: the directory of its artifacts in an object store that several farms may share.
CREATE FUNCTION farm.farm_id() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
BEGIN
    INSERT INTO farm.settings VALUES ('farm_id', to_jsonb(gen_random_uuid()::text)) ON CONFLICT DO NOTHING;
    RETURN (SELECT value #>> '{}' FROM farm.settings WHERE key = 'farm_id');
END $$;

-- Why an artifact is refused; NULL where it may be stored. A worker's login is trusted to work, not to be honest.
CREATE FUNCTION farm.bad_artifact(d jsonb, p_body bytea, p_farm text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(d ->> 'name' !~ '^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$', true)
        OR length(d ->> 'name') > 200 OR d ->> 'name' IN ('manifest.json', 'proof.json', 'rollout.json', 'logs') THEN
        RETURN 'its name is no path of a file in an archive';
    END IF;
    IF NOT coalesce(farm.is_whole(d -> 'candidate', 9999) AND farm.is_whole(d -> 'size', 1e12)
        AND farm.is_whole(d -> 'stored_size', 1e12) AND farm.is_whole(d -> 'left_out', 1e12), false)
        OR d ->> 'candidate' IS NULL THEN
        RETURN 'a number of it is impossible';
    END IF;
    IF coalesce(d ->> 'encoding' NOT IN ('identity', 'gzip'), true) THEN
        RETURN 'its encoding is impossible';
    END IF;
    -- In an object store only this farm's own directory.
    IF coalesce(d ->> 'store' <> 'postgres:'
                AND (d ->> 'store' !~ ('^(file|s3|gs|az)://.*/' || p_farm || '$') OR length(d ->> 'store') > 1000), true) THEN
        RETURN 'its store is none of this farm';
    END IF;
    IF coalesce(d ->> 'digest' !~ '^[0-9a-f]{64}$', false)
        OR p_body IS NOT NULL AND d ->> 'digest' IS DISTINCT FROM encode(sha256(p_body), 'hex') THEN
        RETURN 'its digest is not that of its bytes';
    END IF;
    IF p_body IS NULL AND d ->> 'store' = 'postgres:' AND d ->> 'digest' IS NOT NULL THEN
        RETURN 'its bytes are missing';
    END IF;
    IF p_body IS NOT NULL AND (d ->> 'stored_size')::bigint <> octet_length(p_body) THEN
        RETURN 'its stored size is not that of its bytes';
    END IF;
    RETURN NULL;
END $$;

-- Stores the artifacts of an attempt whose result is not recorded yet. Idempotent: the first one of a name stays.
-- p_items: objects with candidate, name, digest, encoding, size, stored_size, left_out and store; p_bodies: their bytes
-- by position, NULL where another store has them. Returns 'stored', or 'fenced' where the attempt is over or unknown.
CREATE FUNCTION farm.store_artifacts(p_execution bigint, p_attempt int, p_token uuid, p_items jsonb, p_bodies bytea[])
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    v_bad text;
    v_farm text := farm.farm_id();
BEGIN
    PERFORM FROM farm.attempts
    WHERE execution_id = p_execution AND attempt = p_attempt AND lease_token = p_token
      AND ending NOT IN ('done', 'error', 'cancelled') AND late_result IS NULL
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'fenced';
    END IF;
    IF coalesce(jsonb_typeof(p_items), 'null') <> 'array' OR jsonb_array_length(p_items) > 2000 THEN
        RAISE EXCEPTION 'the artifacts are refused: no list of at most 2000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT min(format('%s: %s', d ->> 'name', farm.bad_artifact(d, p_bodies[n::int], v_farm))) INTO v_bad
    FROM jsonb_array_elements(p_items) WITH ORDINALITY AS given (d, n)
    WHERE farm.bad_artifact(d, p_bodies[n::int], v_farm) IS NOT NULL;
    IF v_bad IS NOT NULL THEN
        RAISE EXCEPTION 'the artifact is refused: %', left(v_bad, 500) USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- An update, not nothing: a blob that retention deletes at this moment is inserted again.
    INSERT INTO farm.blobs (digest, bytes)
    SELECT DISTINCT ON (1) d ->> 'digest', p_bodies[n::int]
    FROM jsonb_array_elements(p_items) WITH ORDINALITY AS given (d, n)
    WHERE p_bodies[n::int] IS NOT NULL
    ORDER BY 1
    ON CONFLICT (digest) DO UPDATE SET stored_at = now();
    INSERT INTO farm.artifacts (execution_id, attempt, candidate, name, digest, encoding, size, stored_size, left_out,
                                store, blob)
    SELECT p_execution, p_attempt, (d ->> 'candidate')::smallint, d ->> 'name', d ->> 'digest', d ->> 'encoding',
           (d ->> 'size')::bigint, (d ->> 'stored_size')::bigint, (d ->> 'left_out')::bigint, d ->> 'store',
           CASE WHEN d ->> 'store' = 'postgres:' THEN d ->> 'digest' END
    FROM jsonb_array_elements(p_items) d
    ON CONFLICT DO NOTHING;
    -- Twice the limits that workers keep: what is beyond is no worker of this product.
    IF (SELECT sum(stored_size) FILTER (WHERE name = 'patch.diff') > 64 * 1024 * 1024
            OR sum(stored_size) FILTER (WHERE name <> 'patch.diff') > 8 * 1024 * 1024
        FROM farm.artifacts WHERE execution_id = p_execution AND attempt = p_attempt AND blob IS NOT NULL) THEN
        RAISE EXCEPTION 'the artifacts are refused: more bytes than one attempt may store'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN 'stored';
END $$;

-- Artifacts that retention deletes: older than p_seconds, and the oldest beyond p_max_bytes of stored bytes; NULL is
-- without limit. Never patches, and nothing that a running attempt may have stored a moment ago.
CREATE FUNCTION farm.due_artifacts(p_seconds double precision, p_max_bytes bigint, p_conversations boolean)
RETURNS TABLE (execution_id bigint, attempt int, candidate smallint, name text, digest text, store text,
               stored_size bigint, stored_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT d.execution_id, d.attempt, d.candidate, d.name, d.digest, d.store, d.stored_size, d.stored_at
    FROM (
        SELECT a.*, sum(a.stored_size) OVER (
                   ORDER BY a.stored_at DESC, a.execution_id DESC, a.attempt, a.candidate, a.name) AS newer
        FROM farm.artifacts a
        WHERE a.digest IS NOT NULL AND a.pruned_at IS NULL AND a.name <> 'patch.diff'
          AND (p_conversations OR a.name <> 'conversation.json.gz')) d
    WHERE d.stored_at < now() - interval '10 minutes'
      AND (d.stored_at < now() - make_interval(secs => p_seconds) OR d.newer > p_max_bytes)
$$;
