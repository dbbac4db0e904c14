"""A race drops what loses, once and for all coordinators, and what it dropped costs nothing more."""

import pytest
import sqlalchemy as sa

from tests.fixtures.lease_scenarios import Scenario
from tests.fixtures.race_scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_races(engine: sa.Engine, scenario: Scenario) -> None:
    scenario(engine)
