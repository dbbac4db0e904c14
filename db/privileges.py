"""Privilege checks of logins: who may change benches."""

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

_MAY_CHANGE = sa.text("""
    SELECT has_table_privilege('farm.benches', 'UPDATE') AND has_table_privilege('farm.caps', 'UPDATE')
       AND has_table_privilege('farm.machines', 'UPDATE')
       AND has_function_privilege('farm.cancel_bench(text)', 'EXECUTE')""")


def may_change_benches(engine: sa.Engine) -> bool:
    """Whether the login of these connections may cancel benches, replace their caps, and trust machines.

    Raises `OperationalError` where it cannot connect.
    """
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(_MAY_CHANGE))
    except ProgrammingError:  # a login that may not even use the schema
        return False
