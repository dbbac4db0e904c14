"""Policy values have the share of runs that is missing, an adjusted p-value, and values on these issues."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0017"
down_revision = "0016"

_BEFORE = ("value", "difference", "regret", "oracle", "advantage")
_QUANTITIES = ("value", "value_here", "difference", "difference_here", "regret", "oracle", "advantage")
_OLD_COMMENT = (
    "value and difference by estimator; regret, oracle and advantage by lower, upper and point, the last two of no "
    "policy ('')."
)
_COMMENT = (
    "value and difference by estimator, value_here and difference_here on these issues; regret, oracle and advantage "
    "by lower, upper and point, the last two of no policy ('')."
)
_COLUMNS = ("p_value", "missing_share", "missing_by_class")


def upgrade() -> None:
    for name in ("p_value", "missing_share"):
        op.add_column("policy_estimates", sa.Column(name, sa.Double), schema="farm")
    op.add_column("policy_estimates", sa.Column("missing_by_class", pg.JSONB), schema="farm")
    _allow(*_QUANTITIES)
    op.create_table_comment("policy_estimates", _COMMENT, schema="farm", existing_comment=_OLD_COMMENT)


def downgrade() -> None:
    op.execute("DELETE FROM farm.policy_estimates WHERE quantity IN ('value_here', 'difference_here')")
    op.create_table_comment("policy_estimates", _OLD_COMMENT, schema="farm", existing_comment=_COMMENT)
    _allow(*_BEFORE)
    # With the view that names them, which every upgrade makes again.
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE farm.policy_estimates DROP COLUMN {name} CASCADE")


def _allow(*quantities: str) -> None:
    op.drop_constraint(op.f("ck_policy_estimates_quantity"), "policy_estimates", schema="farm")
    allowed = ", ".join(f"'{quantity}'" for quantity in quantities)
    op.create_check_constraint(
        op.f("ck_policy_estimates_quantity"), "policy_estimates", f"quantity IN ({allowed})", schema="farm"
    )
