"""Naming of constraints, and columns that many tables have."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(
    schema="farm",
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)


def one_of(column: str, values: Iterable[str]) -> sa.CheckConstraint:
    """A CHECK that `column` holds one of `values` (or NULL, where the column allows it)."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=column)


def now_column(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def time_column(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True))


def counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def text_array(name: str) -> sa.Column[list[str]]:
    return sa.Column(name, pg.ARRAY(sa.Text), nullable=False, server_default="{}")


def time_index(name: str, column: str) -> sa.Index:
    """A BRIN index that finds the last hour of an append-only table: rows are stored about in the order of time."""
    return sa.Index(name, column, postgresql_using="brin", postgresql_with={"autosummarize": "on"})
