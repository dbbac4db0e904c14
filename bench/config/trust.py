"""The trust policy for issues: which keys of an issue's own `workcell` count, by where the issue came from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from bench.config.errors import ConfigError
from workers.spec import Rates, Sandbox, Strict, Workcell

TrustLevel = Literal["none", "gates", "all"]
"""Of an issue's `workcell`: no commands; commands that run in the sandbox; every key."""

_PLACES: Final = frozenset({"repo", "base", "known_good", "protected_paths"})
_TAKEN: Final[Mapping[str, frozenset[str]]] = {"none": _PLACES, "gates": _PLACES | {"setup", "gates"}}
_STRONGEST_FIRST: Final[tuple[Sandbox, ...]] = ("bwrap", "auto", "none")
_PROTECTED: Final = ("protected_paths", "further_protected_paths")
_MEND: Final = (
    "set it in the config's workcell block, or, if every line of that backlog is yours, list the file under "
    "trust.sources or give --trust-issue-workcells"
)


class Trust(Strict):
    """How far the backlog is trusted. A single word stands for `issue_workcells`: `trust: none`."""

    issue_workcells: TrustLevel = "gates"
    sources: list[str] = Field(default_factory=list)
    """Backlog files whose issues may set every key, whatever `issue_workcells` says."""

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: object) -> object:
        return {"issue_workcells": value} if isinstance(value, str) else value

    def level(self, source: str | None) -> TrustLevel:
        """The level of an issue that was imported from `source`, an absolute path; None where that is not known."""
        # A path that depends on where one stood at the import names no certain file.
        if source is not None and Path(source).is_absolute() and source in self.sources:
            return "all"
        return self.issue_workcells


def check_keys(keys: Iterable[str], level: TrustLevel, where: str) -> None:
    """Raises `ConfigError` for the first key that an issue of this level may not set."""
    if level == "all":
        return
    for key in keys:
        if key not in _TAKEN[level]:
            raise ConfigError(f"{where}.{key} is not taken from an issue; {_MEND}")


def tightened(config: Mapping[str, Any], own: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What an issue sets, laid over the config without a loss of safety; both as plain data, checked.

    Protected paths are added to the config's, the sandbox may only get stronger, each rate only higher; null
    for one of these keeps the config's. Raises `ConfigError` for what would weaken one.
    """
    found = dict(own)
    for key in (*_PROTECTED, "sandbox", "rates"):
        if found.get(key, ...) is None:
            del found[key]
    default = {name: field.default for name, field in Workcell.model_fields.items()}
    more = [pattern for key in _PROTECTED for pattern in _adding(found.pop(key, []), f"{where}.{key}")]
    if more:
        # The config's own paths may be the repository's, which are not known yet.
        key = _PROTECTED[0] if config.get(_PROTECTED[0]) is not None else _PROTECTED[1]
        found[key] = list(dict.fromkeys([*config.get(key, []), *more]))
    if "sandbox" in found:
        there = config.get("sandbox", default["sandbox"])
        if _STRONGEST_FIRST.index(found["sandbox"]) > _STRONGEST_FIRST.index(there):
            raise ConfigError(
                f"{where}.sandbox: {found['sandbox']} is weaker than the config's {there}; "
                "an issue may only strengthen it"
            )
    if "rates" in found:
        found["rates"] = _raised({**Rates().model_dump(), **config.get("rates", {})}, found["rates"], where)
    return found


def _adding(patterns: list[str], where: str) -> list[str]:
    for pattern in patterns:
        if pattern.lstrip().startswith("!"):
            raise ConfigError(f"{where}: {pattern!r:.60} takes protection away; an issue may only add paths")
    return patterns


def _raised(there: Mapping[str, float], more: Mapping[str, float], where: str) -> dict[str, float]:
    for name, value in more.items():
        if value < there[name]:
            raise ConfigError(
                f"{where}.rates.{name}: {value:g} is lower than the config's {there[name]:g}; "
                "an issue may only raise it"
            )
    return {**there, **more}
