-- bench_worker does what a worker does and no more: it calls functions and touches no table.
-- bench_reader reads the report schema and nothing else.

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
