"""A scripted model server behind a gateway with a key for one scenario, and a door to it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from workers.gateway.door import Bill, DoorSpec
from workers.gateway.gateway import Door, Gateway
from workers.gateway.scripted.ledger import Served
from workers.gateway.scripted.scenarios import lab_key
from workers.gateway.scripted.server import ScriptedModels

_RUNS = itertools.count()
PROVIDERS = ("anthropic", "openai", "gemini")
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")


@pytest.fixture(scope="session")
def models() -> Iterator[ScriptedModels]:
    with ScriptedModels(stall_seconds=5) as server:
        yield server


@dataclass
class OpenedDoor:
    """A door, and what the provider behind it served."""

    door: Door
    models: ScriptedModels
    key: str
    """The provider's real key."""
    transcript: Path

    def url(self, provider: str) -> str:
        """Base URL of a provider, without a version."""
        return f"http://127.0.0.1:{self.door.port}/{provider}"

    @property
    def token(self) -> str:
        return self.door.open.token

    def bill(self) -> Bill:
        return self.door.settled_bill()

    def served(self) -> list[Served]:
        return self.models.served(self.key)

    def served_micro_usd(self) -> int:
        """What the provider charges for the calls so far."""
        return sum(call.micro_usd or 0 for call in self.served())


OpenDoorFor = Callable[..., AbstractContextManager[OpenedDoor]]


@pytest.fixture
def open_door(models: ScriptedModels, tmp_path: Path) -> OpenDoorFor:
    """Opens a door: `open_door(scenario, budget=…, patience=…, stall=…, replay=…)`."""

    @contextmanager
    def opened(
        scenario: str,
        budget: int = 5_000_000,
        patience: float = 30.0,
        stall: float = 1.0,
        replay: Path | None = None,
    ) -> Iterator[OpenedDoor]:
        number = next(_RUNS)
        key = lab_key(scenario, f"door-{number}")
        upstreams = {name: models.base_url(name) for name in PROVIDERS}
        transcript = tmp_path / f"transcript-{number}.jsonl"
        spec = DoorSpec(
            f"c{number}",
            budget,
            upstreams,
            patience_seconds=patience,
            stall_seconds=stall,
            transcript=transcript,
            replay=replay,
        )
        with (
            Gateway(dict.fromkeys(KEYS, key), tmp_path / f"limits-{number}") as gateway,
            gateway.open_door(spec, tcp=True) as door,
        ):
            yield OpenedDoor(door, models, key, transcript)

    return opened
