"""`image` of a workcell: who may set it, with what it is refused, and what depends on it."""

from typing import Any

import pytest

from bench.config.errors import ConfigError
from bench.config.load import resolve_workcell
from bench.config.models import WorkcellDefaults
from bench.intake.issue import Issue
from bench.submit.plan import Ready
from workers.spec import Workcell

GATES = [{"name": "test", "command": ["true"]}]
DIGEST = f"@sha256:{'0' * 64}"


def defaults(**keys: Any) -> WorkcellDefaults:
    return WorkcellDefaults.model_validate({"repo": "/srv/shop", "gates": GATES, **keys})


def test_a_trusted_issue_names_an_image_and_null_keeps_the_config_s() -> None:
    config = defaults(image="tools:1")
    assert resolve_workcell(config, {"image": "other:2"}, "i-1", "all").image == "other:2"
    assert resolve_workcell(config, {"image": None}, "i-1", "all").image == "tools:1"
    with pytest.raises(ConfigError, match=r"issue i-1: workcell\.image is not taken from an issue"):
        resolve_workcell(config, {"image": "other:2"}, "i-1", "gates")


def test_no_image_escapes_a_demand_for_bubblewrap() -> None:
    with pytest.raises(
        ConfigError, match=r"issue i-1: workcell\.image: runs in a container, and `sandbox: bwrap`"
    ):
        resolve_workcell(defaults(sandbox="bwrap"), {"image": "other:2"}, "i-1", "all")


@pytest.mark.parametrize("image", ["--privileged", "a b", "", "a@latest", "http://x/y?z", "x" * 301])
def test_what_is_no_reference_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match="is no image; write"):
        defaults(image=image)


@pytest.mark.parametrize(
    "image", ["tools", "r.example.org:5000/team/tools:1", f"tools:1{DIGEST}", f"tools{DIGEST}"]
)
def test_references_are_taken(image: str) -> None:
    assert defaults(image=image).image == image


def ready(image: str | None) -> Ready:
    cell = Workcell(repo="/shop", base="a" * 40, gates=GATES, image=image)
    return Ready(Issue(id="i-1"), cell)


def test_gates_on_the_base_are_kept_for_one_digest() -> None:
    keys = {ready(image).baseline_key for image in (None, f"tools:1{DIGEST}", f"tools:1@sha256:{'1' * 64}")}
    assert len(keys) == 3
    known = [ready(image).has_known_image for image in (None, f"tools:1{DIGEST}", "tools:1")]
    assert known == [True, True, False]
