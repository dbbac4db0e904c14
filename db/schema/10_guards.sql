-- Rules that no code path may break.

CREATE FUNCTION farm.guard_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) IN (
        ('pending', 'ready'), ('pending', 'skipped'), ('pending', 'cancelled'),
        ('ready', 'running'), ('ready', 'pending'), ('ready', 'skipped'), ('ready', 'cancelled'),
        ('running', 'ready'), ('running', 'pending'), ('running', 'done'), ('running', 'error'),
        ('running', 'cancelled'),
        ('skipped', 'pending'), ('skipped', 'cancelled')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'execution %: % cannot become %', OLD.execution_id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER guard_transition BEFORE UPDATE OF state ON farm.executions
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION farm.guard_transition();

CREATE FUNCTION farm.guard_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER guard_append_only BEFORE UPDATE OR DELETE ON farm.ledger
    FOR EACH ROW EXECUTE FUNCTION farm.guard_append_only();

CREATE TRIGGER guard_append_only BEFORE UPDATE OR DELETE ON farm.outcomes
    FOR EACH ROW EXECUTE FUNCTION farm.guard_append_only();
