"""Configuration loading, overlays of command-line flags, and the resolved workcell of an issue."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from bench.config.errors import ConfigError
from bench.config.models import BenchConfig, WorkcellDefaults
from bench.config.problems import KeyPath, Problem, problems_of, unfit_values
from bench.config.source import read_source
from bench.config.trust import TrustLevel, check_keys, tightened
from planner.canonical import sha256_json
from planner.system.project import find_project
from workers.addresses import is_path
from workers.spec import Workcell

CONFIG_VARIABLE: Final = "BENCH_CONFIG"
_FLAGS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "k": (("action_sampling", "K"),),
    "slice": (("issue_selection", "slice"),),
    "sample_size": (("issue_selection", "sample_size"),),
    "strategy": (("action_sampling", "strategy"),),
    "replicates": (("action_sampling", "replicates"),),
    "seed": (("action_sampling", "seed"), ("issue_selection", "seed")),
    "max_usd": (("execution_limits", "max_usd"),),
    "max_minutes": (("execution_limits", "max_minutes"),),
    "max_executions": (("execution_limits", "max_executions"),),
}

_MODEL_PATH: Final[KeyPath] = ("planner", "model", "path")
_STREAM_FLAGS: Final[dict[str, KeyPath]] = {
    "slice": ("issue_selection", "slice"),
    "max_usd": ("execution_limits", "max_usd"),
    "max_concurrent_workcells": ("stream", "max_concurrent_workcells"),
    "land": ("stream", "land"),
    "confidence_threshold": ("planner", "inference", "confidence_threshold"),
    "report": ("stream", "report"),
}


def find_config(start: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The default config of a command in `start`: BENCH_CONFIG, else the config of the enclosing project.

    Returns None where there is none. Raises `ConfigError` where the variable, or a `pyproject.toml`, names a path that
    is not a file.
    """
    named = environment.get(CONFIG_VARIABLE)
    if named:
        return _existing(start / named, f"{CONFIG_VARIABLE} is {named!r}")
    project = find_project(start).project
    if project is None or project.config is None or project.named_by is None:
        return None if project is None else project.config
    return _existing(project.config, f"{project.named_by}: tool.bench.config")


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        raise ConfigError(f"{where}: no file {path}")
    return path


def load_config(path: Path | None) -> BenchConfig:
    """The config in `path`, or the default config where it is None.

    A relative `source`, `repo`, `directory` or path of a model is resolved against the directory of the file (the
    parent directory for a file in `.bench`), not against the current directory.

    Raises `ConfigError` with one line for each problem.
    """
    if path is None:
        return BenchConfig()
    source = read_source(path)
    config = _validate(source.data, lambda problem: f"{source.location(problem.path)}: {problem.text}")
    home = path.resolve().parent
    return _with_absolute_paths(config, home.parent if home.name == ".bench" else home)


def apply_overrides(config: BenchConfig, **flags: Any) -> BenchConfig:
    """Configuration overlay: `config` with the flags of `bench submit`; None keeps the value of the file.

    Flags: k, slice, sample_size, strategy, replicates, seed (both seeds), max_usd, max_minutes, max_executions.

    Raises `ConfigError` that names the invalid flag.
    """
    data = config.document()
    flag_at: dict[KeyPath, str] = {}
    for flag, value in flags.items():
        if value is not None:
            for section, key in _FLAGS[flag]:
                data[section][key] = value
                flag_at[section, key] = "--" + flag.replace("_", "-")

    def describe(problem: Problem) -> str:
        flag = flag_at.get(problem.path)
        return problem.text if flag is None else flag + problem.text[problem.text.index(":") :]

    return _validate(data, describe)


def apply_stream_flags(
    config: BenchConfig,
    *,
    planner_model: str | None = None,
    planner_mode: str | None = None,
    **flags: Any,
) -> BenchConfig:
    """Configuration overlay: `config` with the flags of `bench run`; None keeps the value of the file.

    `planner_model` also enables the planner; `planner_mode` has precedence over that. The other flags: slice, max_usd,
    max_concurrent_workcells, land, confidence_threshold, report.

    Raises `ConfigError` that names the invalid key.
    """
    data = config.stream_document()
    settings: list[tuple[KeyPath, Any]] = [(_STREAM_FLAGS[name], value) for name, value in flags.items()]
    if planner_model is not None:
        settings += [(("planner", "enabled"), True), (_MODEL_PATH, str(Path(planner_model).resolve()))]
    if planner_mode is not None:
        settings += [
            (("planner", "enabled"), planner_mode != "disabled"),
            (("planner", "flags", "shadow_mode"), planner_mode == "shadow"),
        ]
    for key_path, value in settings:
        if value is not None:
            _put(data, key_path, value)
    return _validate(data, lambda problem: problem.text)


def trust_issue_workcells(config: BenchConfig) -> BenchConfig:
    """`config` with full trust in the `workcell` of issues, for `--trust-issue-workcells`."""
    return config.model_copy(update={"trust": config.trust.model_copy(update={"issue_workcells": "all"})})


def _put(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    *sections, key = path
    for section in sections:
        data = data.setdefault(str(section), {})
    data[str(key)] = value


def config_hash(config: BenchConfig) -> str:
    """SHA-256 of the canonical JSON of the resolved config."""
    return sha256_json(config.document())


def resolve_workcell(
    defaults: WorkcellDefaults,
    override: Mapping[str, Any] | None,
    issue_id: str,
    trust: TrustLevel = "gates",
) -> Workcell:
    """The workcell of an issue: the keys of the issue laid over the workcell block of the config.

    Only keys that `trust` allows are taken, and none that weakens the config (`bench.config.trust`). A key that the
    issue sets to null has the default of `Workcell`.

    Raises `ConfigError` that names issue and key.
    """
    where = f"issue {issue_id}: workcell"
    own = _own_keys(override, where)
    check_keys(own, trust, where)
    merged = defaults.model_dump(exclude_none=True)
    own = tightened(merged, own, where)
    merged = {key: value for key, value in {**merged, **own}.items() if value is not None}
    for key in ("repo", "base"):
        if str(merged.get(key, "")).startswith("-"):
            raise ConfigError(
                f"{where}.{key}: {merged[key]!r:.60} begins with a dash, as an option of git does"
            )
    try:
        return Workcell.model_validate(merged, strict=True)
    except ValidationError as error:
        problem = problems_of(error, Workcell)[0]
        remedy = "; set it in the config's workcell block or in the issue's" if problem.is_missing else ""
        raise ConfigError(f"{where}.{problem.text}{remedy}") from error


def _own_keys(override: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """The workcell keys of an issue, validated; nulls are kept."""
    data = dict(override or {})
    for problem in unfit_values(data):
        raise ConfigError(f"{where}.{problem.text}")
    try:
        own = WorkcellDefaults.model_validate(data, strict=True)
    except ValidationError as error:
        raise ConfigError(f"{where}.{problems_of(error, WorkcellDefaults)[0].text}") from error
    if own.repo is not None and is_relative(own.repo):
        raise ConfigError(f"{where}.repo: {own.repo!r:.60} is relative; write a URL or an absolute path")
    return own.model_dump(exclude_unset=True)


def is_relative(repo: str) -> bool:
    """Whether `repo` is a relative path: its meaning depends on the working directory."""
    return is_path(repo) and not Path(_expanded(repo)).is_absolute()


def _expanded(path: str) -> str:
    """`path` with a leading `~` expanded; the `~` of an unknown user stays unchanged."""
    return os.path.expanduser(path)  # noqa: PTH111 — Path.expanduser raises for an unknown user


def _validate(data: dict[str, Any], describe: Callable[[Problem], str]) -> BenchConfig:
    problems = list(unfit_values(data))
    if not problems:
        try:
            return BenchConfig.model_validate(data, strict=True)
        except ValidationError as error:
            problems = problems_of(error, BenchConfig)
    raise ConfigError("\n".join(describe(problem) for problem in problems))


def _with_absolute_paths(config: BenchConfig, directory: Path) -> BenchConfig:
    def absolute(path: str | None) -> str | None:
        return None if path is None else str((directory / _expanded(path)).resolve())

    repo = config.workcell.repo
    if repo is not None and (is_relative(repo) or repo.startswith("~")):
        repo = absolute(repo)
    selection, output, workcell = config.issue_selection, config.output, config.workcell
    return config.model_copy(
        update={
            "issue_selection": selection.model_copy(update={"source": absolute(selection.source)}),
            "output": output.model_copy(update={"directory": absolute(output.directory)}),
            "workcell": workcell.model_copy(update={"repo": repo}),
            "prompt_frontier": absolute(config.prompt_frontier),
            "trust": config.trust.model_copy(
                update={"sources": [absolute(source) for source in config.trust.sources]}
            ),
            "planner": _with_absolute_model(config.planner, absolute),
        }
    )


def _with_absolute_model(
    planner: dict[str, Any], absolute: Callable[[str | None], str | None]
) -> dict[str, Any]:
    model = planner.get("model", {})
    return {**planner, "model": {**model, "path": absolute(model["path"])}} if "path" in model else planner
