"""An embedded farm heeds no variable of libpq, and touches no other."""

import os

import pytest

from bench.embedded.libpq import forget_libpq_variables

_LIBPQ = (
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE"),
    *("PGSERVICEFILE", "PGOPTIONS", "PGAPPNAME", "PGSSLMODE", "PGREQUIREAUTH", "PGCHANNELBINDING"),
    *("PGCONNECT_TIMEOUT", "PGCLIENTENCODING", "PGTARGETSESSIONATTRS", "PGDATESTYLE", "PGTZ", "PGGEQO"),
    *(
        "PGSYSCONFDIR",
        "PGLOCALEDIR",
        "PGSSLCERTMODE",
        "PGGSSENCMODE",
        "PGLOADBALANCEHOSTS",
        "PGSSLNEGOTIATION",
    ),
)


def test_every_variable_of_libpq_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_LIBPQ, "PGP_KEY", "MY_PGHOST"):
        monkeypatch.setenv(name, "x")
    forget_libpq_variables()
    assert [name for name in _LIBPQ if name in os.environ] == []
    assert (os.environ["PGP_KEY"], os.environ["MY_PGHOST"]) == ("x", "x")
