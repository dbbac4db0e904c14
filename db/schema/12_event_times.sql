-- When a bench was halted and a machine suspended, whichever function or person did it: notices are made from these
-- times, so that a halt that was resumed at once is not missed, and the next one is another event.

CREATE FUNCTION farm.stamp_halt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.halted_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER stamp_halt BEFORE UPDATE OF state ON farm.benches
    FOR EACH ROW WHEN (NEW.state = 'halted' AND OLD.state <> 'halted') EXECUTE FUNCTION farm.stamp_halt();

CREATE FUNCTION farm.stamp_suspension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.suspended_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER stamp_suspension BEFORE UPDATE OF suspended ON farm.machines
    FOR EACH ROW WHEN (NEW.suspended AND NOT OLD.suspended) EXECUTE FUNCTION farm.stamp_suspension();
