"""Reading a bench config, laying flags over it, and resolving the workcell of an issue."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bench.config.errors import ConfigError
from bench.config.models import BenchConfig, WorkcellDefaults
from planner.canonical import sha256_json
from workers.spec import Workcell

CONFIG_NAMES = ("bench.yaml", "bench.yml")


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML's safe loader, which else takes the last of two equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise ConfigError(f"line {key_node.start_mark.line + 1}: the key {key!r} is there twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def find_config(directory: Path) -> Path | None:
    """The config that is used when none is named: `bench.yaml` or `bench.yml` in `directory`."""
    return next((directory / name for name in CONFIG_NAMES if (directory / name).is_file()), None)


def load_config(path: Path | None) -> BenchConfig:
    """The config in `path`, or all defaults; `ConfigError` with one line for each problem."""
    if path is None:
        return BenchConfig()
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506  # a SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a config that can be read") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(data or {}, dict):
        raise ConfigError(f"{path}: the file holds no mapping; start with a key such as action_sampling:")
    config = _validate(data or {}, str(path))
    return _with_absolute_paths(config, path.resolve().parent)


def apply_overrides(config: BenchConfig, **flags: Any) -> BenchConfig:
    """`config` with the flags of `bench submit` laid over it; None leaves the file's value.

    Known: k, slice, strategy, replicates, seed (both seeds), max_usd, max_minutes, max_executions.
    """
    places = {
        "k": [("action_sampling", "K")],
        "slice": [("issue_selection", "slice")],
        "strategy": [("action_sampling", "strategy")],
        "replicates": [("action_sampling", "replicates")],
        "seed": [("action_sampling", "seed"), ("issue_selection", "seed")],
        "max_usd": [("execution_limits", "max_usd")],
        "max_minutes": [("execution_limits", "max_minutes")],
        "max_executions": [("execution_limits", "max_executions")],
    }
    data = config.document()
    for flag, value in flags.items():
        if value is not None:
            for section, key in places[flag]:
                data[section][key] = value
    return _validate(data, "the flags")


def config_hash(config: BenchConfig) -> str:
    """SHA-256 of the canonical JSON of the resolved config."""
    return sha256_json(config.document())


def resolve_workcell(
    defaults: WorkcellDefaults, override: Mapping[str, Any] | None, issue_id: str
) -> Workcell:
    """The workcell of one issue: the config's block, key by key replaced by the issue's own."""
    where = f"issue {issue_id}: workcell"
    try:
        own = WorkcellDefaults.model_validate(dict(override or {}))
        merged = {
            **defaults.model_dump(exclude_none=True, by_alias=True),
            **own.model_dump(exclude_none=True, by_alias=True),
        }
        return Workcell.model_validate(merged)
    except ValidationError as error:
        problems = _problems(error, Workcell)
        missing = [p for p in problems if p.endswith("is missing")]
        mend = "; set it in the config's workcell block or in the issue's" if missing else ""
        raise ConfigError(f"{where}.{problems[0]}{mend}") from error


def _validate(data: dict[str, Any], where: str) -> BenchConfig:
    try:
        return BenchConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(f"{where}: {problem}" for problem in _problems(error, BenchConfig))
        ) from error


def _with_absolute_paths(config: BenchConfig, directory: Path) -> BenchConfig:
    """A local path is meant from the file that names it, wherever the command runs."""
    changes: dict[str, Any] = {}
    repo = config.workcell.repo
    if repo is not None and "://" not in repo and not _is_scp_like(repo):
        changes["workcell"] = config.workcell.model_copy(update={"repo": str((directory / repo).resolve())})
    source = config.issue_selection.source
    if source is not None:
        update = {"source": str((directory / source).resolve())}
        changes["issue_selection"] = config.issue_selection.model_copy(update=update)
    return config.model_copy(update=changes)


def _is_scp_like(repo: str) -> bool:
    host, colon, _ = repo.partition(":")
    return bool(colon) and "/" not in host


def _problems(error: ValidationError, model: type[BaseModel]) -> list[str]:
    return [_problem(detail, model) for detail in error.errors()]


def _problem(detail: Any, model: type[BaseModel]) -> str:
    place = [part for part in detail["loc"] if part != "in_"]
    path = ".".join(str(part) for part in place) or "the file"
    if detail["type"] == "extra_forbidden":
        allowed = _keys_at(model, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), allowed, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{path}: unknown key{hint} (allowed: {', '.join(allowed)})"
    if detail["type"] == "missing":
        return f"{path} is missing"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "literal_error":
        return f"{path}: {detail['input']!r} is not allowed; use {detail['ctx']['expected']}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{path}: {message}, not {detail['input']!r:.60}"


def _keys_at(model: type[BaseModel], path: list[Any]) -> list[str]:
    """The keys of the (nested) model at `path`."""
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int) or current is None:
            continue
        field = current.model_fields.get(str(part))
        current = None if field is None else _model_in(field.annotation)
    if current is None:
        return []
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
