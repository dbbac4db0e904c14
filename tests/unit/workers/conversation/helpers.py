"""Reading trajectories in tests: their texts, their steps, and their rounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atif import Trajectory

from workers.conversation.programs.reading import Round

DATA = Path(__file__).parents[3] / "data"
CONVERSATIONS, RECORDED = DATA / "conversations", DATA / "recorded"
Json = dict[str, Any]


def checked(document: Json) -> Json:
    """The document, which the public models accept; every reference leads to a trajectory."""
    Trajectory.model_validate(document)
    for each in walk(document):
        inside = {below["trajectory_id"] for below in each.get("subagent_trajectories", [])}
        referred = {
            reference["trajectory_id"]
            for step in each["steps"]
            for result in step.get("observation", {}).get("results", [])
            for reference in result.get("subagent_trajectory_ref", [])
        }
        assert referred <= inside
    return document


def walk(document: Json) -> Iterator[Json]:
    """The trajectory and all below it."""
    yield document
    for each in document.get("subagent_trajectories", []):
        yield from walk(each)


def steps(document: Json, source: str) -> list[Json]:
    return [each for each in document["steps"] if each["source"] == source]


def all_text(document: Json) -> str:
    """All text of a trajectory."""
    return "\n".join(strings({"all": [each["steps"] for each in walk(document)]}))


def strings(value: Any) -> Iterator[str]:
    """Every text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)


def only_round(stdout: Path, out: Path | None = None, prompt: str | None = "Fix it.") -> list[Round]:
    return [Round(stdout.absolute(), out or stdout.parent / "none", prompt)]
