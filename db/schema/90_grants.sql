-- bench_worker does what a worker does and no more: it calls functions and touches no table.
-- bench_reader reads the report schema, and the rows that the page and the report commands show: every column of
-- schema farm but the tokens, with which a lease or the name of a machine could be taken over.

REVOKE ALL ON SCHEMA farm, report FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA farm FROM PUBLIC;
GRANT USAGE ON SCHEMA farm TO bench_worker;
GRANT EXECUTE ON FUNCTION
    farm.claim_execution(text, text, uuid, uuid, double precision),
    farm.heartbeat(bigint, int, uuid, double precision, bigint),
    farm.complete_execution(bigint, int, uuid, jsonb, text),
    farm.release_execution(bigint, int, uuid, jsonb),
    farm.farm_id(),
    farm.store_artifacts(bigint, int, uuid, jsonb, bytea[]),
    farm.send_output(bigint, int, uuid, jsonb, bytea[]),
    farm.report_lost(bigint, int, uuid, text),
    farm.register_machine(text, uuid, text[], int),
    farm.greet_machine(text, uuid),
    farm.tell_sandbox(text, uuid, text),
    farm.schema_version()
TO bench_worker;
GRANT USAGE ON SCHEMA report TO bench_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA report TO bench_reader;
GRANT USAGE ON SCHEMA farm TO bench_reader;
-- The page follows logs: a follower asks for live output, which ends by itself after at most ten minutes.
GRANT EXECUTE ON FUNCTION farm.schema_version(), farm.farm_id(), farm.follow_execution(bigint, double precision)
TO bench_reader;
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'farm'::regnamespace AND c.relkind = 'r' AND c.relname <> 'claims'
          AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('lease_token', 'token_hash')
        GROUP BY c.relname
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON farm.%I TO bench_reader', t.columns, t.name);
    END LOOP;
    -- Functions that only read, and that run with the rights of who calls them.
    FOR t IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'farm'::regnamespace AND p.provolatile IN ('i', 's') AND NOT p.prosecdef
          AND p.prorettype <> 'trigger'::regtype
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO bench_reader', t.name);
    END LOOP;
END $$;
