"""Options that an adapter cannot honour are refused with one line: what, where and the remedy."""

from typing import Any

import pytest

from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.base import Capability
from workers.toolchains.options import check_options
from workers.toolchains.registry import can_spend, check_ref, get_toolchain

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "repair", "max_turns": 3}, "max_turns cannot be honoured.*limit_minutes"),
    ({"name": "codex", "max_turns": 3}, "max_turns cannot be honoured"),
    ({"name": "repair", "provider": "openai"}, "provider cannot be honoured: it calls no model provider"),
    (
        {"name": "repair", "base_url": "http://h/v1", "gateway": False},
        "base_url and gateway cannot be honoured",
    ),
    ({"name": "command", "argv": ["a"], "base_url": "http://h/v1"}, "base_url needs a provider.*`provider`"),
    ({"name": "aider", "base_url": "http://h/v1"}, "base_url needs a provider"),
    ({"name": "acp", "argv": ["goose", "acp"]}, "neither its model nor `provider` names a model provider"),
    ({"name": "aider"}, "neither its model nor `provider` names a model provider"),
    ({"name": "aider", "model": "house/m1"}, "provider house is not known.*`base_url`"),
    (
        {"name": "claude", "provider": "openai"},
        "provider openai has the dialect openai.*anthropic dialect only",
    ),
    (
        {"name": "claude", "provider": "house", "base_url": "http://h"},
        "provider house is not known; claude calls providers of the anthropic dialect only",
    ),
    (
        {"name": "claude", "provider": "antropic"},
        r"provider antropic is not known \(did you mean anthropic\?\); claude calls providers of the anthropic",
    ),
]


@pytest.mark.parametrize(("ref", "words"), REFUSED)
def test_an_option_that_cannot_be_honoured_is_refused(ref: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkerError, match=words) as refused:
        check_ref(ToolchainRef(**ref))
    assert str(refused.value).startswith(f"toolchain {ref['name']}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "ref",
    [
        {"name": "claude"},
        {"name": "claude", "max_turns": 3, "base_url": "http://h", "gateway": False},
        {"name": "aider", "gateway": False},
        {"name": "aider", "model": "house/m1", "base_url": "http://h/v1"},
        {"name": "command", "argv": ["a"], "gateway": False},
        {"name": "command", "argv": ["a"], "provider": "openai"},
        {"name": "repair", "network": False},
    ],
)
def test_other_options_pass(ref: dict[str, Any]) -> None:
    check_ref(ToolchainRef(**ref))


class _Limited(type(get_toolchain("codex"))):  # type: ignore[misc]
    """An adapter with a capability of the test's."""

    def __init__(self, capability: Capability) -> None:
        super().__init__()
        self.capability = capability


@pytest.mark.parametrize(
    ("capability", "options", "words"),
    [
        (Capability(metered=False), {}, "cannot pass through the gateway.*set `gateway: off`"),
        (Capability(metered=True, unmetered=False), {"gateway": False}, "only the gateway can meter it"),
        (Capability(metered=True, network=True), {"network": False}, "the program needs the network"),
    ],
)
def test_what_the_gateway_cannot_do_is_refused(
    capability: Capability, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(WorkerError, match=words):
        check_options(ToolchainRef(name="codex", **options), _Limited(capability))


@pytest.mark.parametrize(
    ("ref", "spends"),
    [
        ({"name": "repair"}, False),
        ({"name": "repair", "network": True}, True),
        ({"name": "command", "argv": ["a"]}, False),
        ({"name": "command", "argv": ["a"], "network": True}, True),
        ({"name": "command", "argv": ["a"], "provider": "openai"}, True),
        ({"name": "aider"}, True),
        ({"name": "acp", "argv": ["goose", "acp"]}, True),
    ],
)
def test_what_reaches_a_provider_can_spend(ref: dict[str, Any], spends: bool) -> None:
    assert can_spend(ToolchainRef(**ref)) == spends
