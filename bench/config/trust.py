"""The trust policy for issues: which keys of an issue's `workcell` are taken, by the source of the issue."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from bench.config.errors import ConfigError
from workers.spec import Rates, Sandbox, Strict, Workcell

TrustLevel = Literal["none", "gates", "all"]
"""Accepted keys of an issue's `workcell`: no commands; commands that run in the sandbox; every key."""

_REPOSITORY_KEYS: Final = frozenset({"repo", "base", "known_good", "protected_paths"})
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "none": _REPOSITORY_KEYS,
    "gates": _REPOSITORY_KEYS | {"setup", "gates"},
}
_STRONGEST_FIRST: Final[tuple[Sandbox, ...]] = ("bwrap", "auto", "none")
_PROTECTED: Final = ("protected_paths", "further_protected_paths")
_REMEDY: Final = (
    "set it in the config's workcell block, or, if every line of that backlog is yours, list the file under "
    "trust.sources or give --trust-issue-workcells"
)


class Trust(Strict):
    """The `trust` block. A single word is short for `issue_workcells`: `trust: none`."""

    issue_workcells: TrustLevel = "gates"
    sources: list[str] = Field(default_factory=list)
    """Backlog files whose issues may set every key, with any `issue_workcells`."""

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: object) -> object:
        return {"issue_workcells": value} if isinstance(value, str) else value

    def level(self, source: str | None) -> TrustLevel:
        """The level of an issue that was imported from `source`, an absolute path; None: the source is not known."""
        # A relative path is ambiguous: it depends on the current directory of the import.
        if source is not None and Path(source).is_absolute() and source in self.sources:
            return "all"
        return self.issue_workcells


def check_keys(keys: Iterable[str], level: TrustLevel, where: str) -> None:
    """Raises `ConfigError` for the first key that an issue of this level may not set."""
    if level == "all":
        return
    for key in keys:
        if key not in _TAKEN[level]:
            raise ConfigError(f"{where}.{key} is not taken from an issue; {_REMEDY}")


def tightened(config: Mapping[str, Any], own: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keys of an issue, restricted to monotonic tightening of the config; both as plain data, validated.

    Protected paths are added to the config's, the sandbox may only get stronger, each rate only higher; null
    for any of these, and for the image, keeps the config's value.

    Returns the keys to lay over the config. Raises `ConfigError` for a key that would weaken the config.
    """
    result = dict(own)
    for key in (*_PROTECTED, "sandbox", "rates", "image"):
        if result.get(key, ...) is None:
            del result[key]
    default = {name: field.default for name, field in Workcell.model_fields.items()}
    more = [pattern for key in _PROTECTED for pattern in _adding(result.pop(key, []), f"{where}.{key}")]
    if more:
        # Without protected paths in the config the repository's own apply, which are not known yet.
        key = _PROTECTED[0] if config.get(_PROTECTED[0]) is not None else _PROTECTED[1]
        result[key] = list(dict.fromkeys([*config.get(key, []), *more]))
    if "sandbox" in result:
        base = config.get("sandbox", default["sandbox"])
        if _STRONGEST_FIRST.index(result["sandbox"]) > _STRONGEST_FIRST.index(base):
            raise ConfigError(
                f"{where}.sandbox: {result['sandbox']} is weaker than the config's {base}; "
                "an issue may only strengthen it"
            )
    if "rates" in result:
        result["rates"] = _raised({**Rates().model_dump(), **config.get("rates", {})}, result["rates"], where)
    return result


def _adding(patterns: list[str], where: str) -> list[str]:
    for pattern in patterns:
        if pattern.lstrip().startswith("!"):
            raise ConfigError(f"{where}: {pattern!r:.60} takes protection away; an issue may only add paths")
    return patterns


def _raised(base: Mapping[str, float], more: Mapping[str, float], where: str) -> dict[str, float]:
    for name, value in more.items():
        if value < base[name]:
            raise ConfigError(
                f"{where}.rates.{name}: {value:g} is lower than the config's {base[name]:g}; "
                "an issue may only raise it"
            )
    return {**base, **more}
