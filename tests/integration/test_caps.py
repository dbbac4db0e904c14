"""No cap is ever exceeded, in no committed state, whoever reserves, settles, refunds or steers at once."""

import pytest
import sqlalchemy as sa

from tests.fixtures import cap_scenarios, steer_scenarios
from tests.fixtures.lease_scenarios import Scenario

SCENARIOS = cap_scenarios.SCENARIOS + steer_scenarios.SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_caps(engine: sa.Engine, scenario: Scenario) -> None:
    scenario(engine)
