"""A class is paused while its provider fails, and loses no case."""

import pytest
import sqlalchemy as sa

from tests.fixtures.circuit_scenarios import SCENARIOS
from tests.fixtures.lease_scenarios import Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_circuits(engine: sa.Engine, scenario: Scenario) -> None:
    scenario(engine)
