"""The bench config: defaults, what is refused and how, flags, hashes, workcells."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bench.config.errors import ConfigError
from bench.config.load import (
    apply_overrides,
    apply_stream_flags,
    config_hash,
    find_config,
    load_config,
    resolve_workcell,
)
from bench.config.models import BenchConfig, WorkcellDefaults
from bench.config.template import example_config_text
from planner.host.aliases import MODEL_KEYS
from planner.host.config import PlannerConfig
from workers.spec import Workcell

GATES = [{"name": "test", "command": "python -m pytest -q"}]


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def from_text(text: str) -> BenchConfig:
        path = tmp_path / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)

    return from_text


def test_the_defaults_are_those_of_the_contract() -> None:
    document = BenchConfig().document()
    assert document["issue_selection"] == {
        "source": None,
        "filters": [],
        "slice": "all",
        "sample_size": 100,
        "seed": 42,
    }
    assert document["action_sampling"] == {
        "K": 4,
        "strategy": "coverage",
        "include_baseline": True,
        "include_executed": True,
        "replicates": 1,
        "replicate_fraction": 1.0,
        "seed": 42,
    }
    assert document["execution_limits"] == {
        "max_minutes_per_candidate": None,
        "max_total_minutes_per_issue": None,
        "max_retries": 1,
        "timeout_behavior": "mark_timeout",
        "max_usd": None,
        "max_usd_per_issue": None,
        "max_minutes": None,
        "max_executions": None,
    }
    assert document["winner_selection"] == {
        "primary_objective": "minimize_duration",
        "constraints": {"all_required_gates_passed": True},
        "tie_break": ["lower_max_candidates", "lower_max_minutes", "action_tuple_lexicographic"],
    }
    assert document["output"] == {"directory": None, "include_all_outcomes": True, "include_traces": False}


def test_the_template_says_the_defaults_and_every_key(load: Any) -> None:
    text = example_config_text()
    config = load(text)
    stripped = config.model_copy(update={"workcell": WorkcellDefaults()})
    assert stripped == BenchConfig()
    own = {"repo": "/r", "gates": GATES}
    assert resolve_workcell(config.workcell, own, "i") == Workcell.model_validate(own)
    written = yaml.safe_load(text)
    for section in ("issue_selection", "action_sampling", "execution_limits", "winner_selection", "output"):
        assert set(written[section]) == set(getattr(BenchConfig(), section).model_dump(by_alias=True))
    whole = BenchConfig().stream.model_dump(mode="json")
    assert set(written["stream"]) == set(whole)
    for section in ("patience", "exploration"):
        assert set(written["stream"][section]) == set(whole[section])


def test_the_planner_that_the_template_comments_out_is_every_default(load: Any) -> None:
    begin = example_config_text().index("planner:\n")
    text = re.sub(r"^#   ", "  ", example_config_text()[begin:], flags=re.MULTILINE)
    planner = load(text).planner_config
    assert replace(planner, model=replace(planner.model, path=None)) == PlannerConfig(enabled=False)
    written = yaml.safe_load(text)["planner"]
    assert set(written) == {field.name for field in fields(PlannerConfig)}
    for section in ("model", "inference", "safety", "flags"):
        names = {field.name for field in fields(getattr(planner, section))}
        assert set(written[section]) == names - (set(MODEL_KEYS) if section == "inference" else set())


@pytest.mark.parametrize(
    ("mode", "rollout", "flag", "overridden"),
    [
        ("off", "off", "shadow", "log"),
        ("log", "log", "disabled", "off"),
        ("enforce", "enforce", "shadow", "log"),
    ],
)
def test_the_mode_is_one_word_for_the_planner_keys(
    load: Any, mode: str, rollout: str, flag: str, overridden: str
) -> None:
    config = load(f"planner:\n  mode: {mode}\n  inference: {{model_path: models/bundle}}\n")
    assert config.planner_config.rollout.mode == rollout
    assert Path(config.planner["model"]["path"]).is_absolute()
    assert apply_stream_flags(config, planner_mode=flag).planner_config.rollout.mode == overridden
    assert apply_stream_flags(config, planner_model="other").planner_config.enabled
    assert BenchConfig.model_validate(config.stream_document()).planner_config == config.planner_config


def test_a_mode_that_contradicts_its_keys_is_refused(load: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"planner\.mode: off contradicts planner\.enabled: True; leave one"
    ):
        load("planner: {mode: off, enabled: true, model: {type: heuristic}}")


def test_the_rules_that_the_template_comments_out_load(load: Any) -> None:
    text = example_config_text().replace("routing: []", "routing:")
    rules = load(re.sub(r"^#   - \{match", "  - {match", text, flags=re.MULTILINE)).routing
    assert [(rule.speculate, rule.use) for rule in rules] == [(True, None), (None, ["repair"])]


def test_the_examples_that_the_template_comments_out_load(load: Any) -> None:
    text = example_config_text().partition("# What follows is for")[0]
    keys = "repo|base|setup|gates|provider|egress|tags|default|flaky|max"
    text = re.sub(rf"^( *)# ({keys}|  )", r"\1\2", text, flags=re.MULTILINE)
    text = text.replace("slices: {}\n", "slices:\n")
    text = re.sub(r"^#   (\S+: \{)", r"  \1", text, flags=re.MULTILINE)
    config = load(text)
    assert config.workcell.gates is not None
    assert config.workcell.gates[0].junit
    assert (config.workcell.tags, config.workcell.flaky_reruns) == (["linux"], 0)
    (agent,) = config.workcell.toolchains or []
    assert (agent.argv, agent.max_turns, agent.tags) == (["my-agent", "{prompt}"], 60, ["gpu"])
    assert config.slices["risky-small"] == {"dk_risk": {"min": "high"}, "dk_size": {"max": "S"}}
    assert config.slices["solved-in-may"]["updated"] == {
        "min": "2026-05-01T00:00:00Z",
        "max": "2026-05-31T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\naction_samplin: {}",
            ":2: action_samplin: unknown key; did you mean action_sampling? (allowed: schema",
        ),
        (
            "workcell: {toolchains: [{name: aider, provider: OpenAI}]}",
            "provider: 'OpenAI' is no provider's name; write it in lower case: letters, digits, - and _, such as",
        ),
        (
            "workcell: {toolchains: [{name: aider, base_url: llm.example.org/v1}]}",
            "base_url: 'llm.example.org/v1' is no base URL; begin with https:// or http://, without ? and #",
        ),
        (
            "action_sampling:\n  k: 4",
            ":2: action_sampling.k: unknown key; did you mean K? (allowed: K, strategy",
        ),
        (
            "action_sampling: {K: 0}",
            ":1: action_sampling.K: input should be greater than or equal to 1, not 0",
        ),
        ("action_sampling: {K: true}", "action_sampling.K: should be a whole number, not True"),
        ("action_sampling: {K: '4'}", "action_sampling.K: should be a whole number, not '4'"),
        (
            "action_sampling: {strategy: best}",
            "'best' is not allowed; use 'deterministic', 'random', 'coverage', 'covering', 'anchor' or",
        ),
        ("action_sampling: {include_baseline: 1}", "include_baseline: should be true or false, not 1"),
        ("action_sampling: 4", "action_sampling: should be a mapping of keys to values, not 4"),
        ("action_sampling:", "action_sampling: should be a mapping of keys to values, not None"),
        ("execution_limits: {max_usd: .inf}", "execution_limits.max_usd: inf is no limit; leave the key out"),
        (
            "execution_limits: {max_usd: -1}",
            "execution_limits.max_usd: input should be greater than or equal to 0",
        ),
        (
            "schema_version: cyntra.planner_bench.v2",
            "schema_version: 'cyntra.planner_bench.v2' is not allowed",
        ),
        ("workcell:\n  gates:\n    - {name: t}", ":3: workcell.gates.0.command: missing"),
        (
            "workcell:\n  gates:\n    - {name: t, command: x}\n    - {name: u, command: x, nam: u}",
            ":4: workcell.gates.1.nam: unknown key",
        ),
        ('workcell: {setup: "pip \'x"}', "workcell.setup: No closing quotation"),
        (
            "workcell: {sandbox: docker}",
            "workcell.sandbox: 'docker' is not allowed; use 'auto', 'bwrap' or 'none'",
        ),
        ("workcell: {toolchains: []}", "workcell.toolchains: list should have at least 1 item"),
        (
            "slices:\n  a: {dk_risk: odd}",
            "slices.a.dk_risk: 'odd' is not allowed; use low, medium, high, critical",
        ),
        ("slices: {a: 5}", "slices.a: should be a mapping"),
        (
            "winner_selection: {constraints: {all_required_gates_passed: false}}",
            "winner_selection.constraints.all_required_gates_passed: False is not allowed; use True",
        ),
        (
            "issue_selection: {filters: [{field: nope, value: 1}]}",
            "issue_selection.filters.0.nope: issues have no",
        ),
        ("issue_selection: {filters: [{field: id}]}", "issue_selection.filters.0: give value (one, or"),
        (
            "issue_selection: {filters: [{field: id, value: a, in: [b]}]}",
            "filters.0: give value or in, not both",
        ),
        (
            "action_sampling: {K: 4}\naction_sampling: {K: 5}",
            ":2: not a valid config: the key 'action_sampling' is",
        ),
        ("action_sampling: {K: 4, K: 5}", ":1: not a valid config: the key 'K' is there twice; keep one"),
        ("- a", "the file holds no mapping"),
        ("a: [", "not a valid config: "),
        ("a: !!python/object:os.system {}", "not a valid config: could not determine a constructor"),
        ("created: 2026-99-99", "not YAML: month must be in 1..12"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_with_its_place(load: Any, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "bench.yaml" in str(caught.value)


def test_every_problem_has_its_line(load: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load("action_sampling:\n  K: x\n  seed: y\nslices: {a: {q: 1}, b: {dk_size: Q}}\n")
    lines = str(caught.value).splitlines()
    assert [re.search(r"bench\.yaml:(\d): (\S+):", line).groups() for line in lines] == [
        ("2", "action_sampling.K"),
        ("3", "action_sampling.seed"),
        ("4", "slices.a.q"),
        ("4", "slices.b.dk_size"),
    ]


def test_files_that_cannot_be_read_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9")
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        load_config(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "\ufeffschema_version: cyntra.planner_bench.v1\n"]
)
def test_an_empty_config_is_all_defaults(load: Any, text: str) -> None:
    assert load(text) == load_config(None) == BenchConfig()


def test_the_config_of_a_directory_is_found_in_a_fixed_order(tmp_path: Path) -> None:
    assert find_config(tmp_path) is None
    (tmp_path / ".bench").mkdir()
    for name in (".bench/config.yaml", "bench.yml", "bench.yaml"):
        (tmp_path / name).touch()
        assert find_config(tmp_path) == tmp_path / name


def test_the_variable_wins_over_pyproject_and_that_over_the_usual_names(tmp_path: Path) -> None:
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    for name in ("bench.yaml", "named.yaml", "a/b/other.yaml"):
        (tmp_path / name).touch()
    assert find_config(deep, {}) == tmp_path / "bench.yaml"
    (tmp_path / "pyproject.toml").write_text('[tool.bench]\nconfig = "named.yaml"\n')
    assert find_config(deep, {}) == tmp_path / "named.yaml"
    assert find_config(deep, {"BENCH_CONFIG": "other.yaml"}) == deep / "other.yaml"


def test_relative_paths_are_meant_from_the_file(tmp_path: Path) -> None:
    text = (
        "workcell: {repo: ../shop}\noutput: {directory: out}\nissue_selection: {source: .beads/issues.jsonl}"
    )
    (tmp_path / "a" / ".bench").mkdir(parents=True)
    for name in ("a/bench.yaml", "a/.bench/config.yaml"):
        (tmp_path / name).write_text(text)
        config = load_config(tmp_path / name)
        assert config.workcell.repo == str(tmp_path / "shop")
        assert config.output.directory == str(tmp_path / "a/out")
        assert config.issue_selection.source == str(tmp_path / "a/.beads/issues.jsonl")


@pytest.mark.parametrize("repo", ["https://example.org/x.git", "git@example.org:a/b.git", "host:x", "/srv/x"])
def test_a_repository_elsewhere_stays_as_written(load: Any, repo: str) -> None:
    assert load(f"workcell: {{repo: '{repo}'}}").workcell.repo == repo


def test_flags_override_the_file_and_none_leaves_it(load: Any) -> None:
    config = load("action_sampling: {K: 3, strategy: random}\nexecution_limits: {max_usd: 5}")
    flagged = apply_overrides(
        config, k=8, slice="critical", strategy=None, seed=7, max_usd=0.1, max_minutes=30.0
    )
    assert (flagged.action_sampling.K, flagged.action_sampling.strategy) == (8, "random")
    assert (flagged.action_sampling.seed, flagged.issue_selection.seed) == (7, 7)
    assert (flagged.issue_selection.slice, flagged.execution_limits.max_usd) == ("critical", 0.1)
    assert apply_overrides(config) == config
    with pytest.raises(ConfigError, match=r"^--k: input should be greater than or equal to 1, not 0$"):
        apply_overrides(config, k=0)
    with pytest.raises(ConfigError, match=r"^--strategy: 'odd' is not allowed; use"):
        apply_overrides(config, strategy="odd")


def test_the_hash_is_of_what_is_asked_not_of_how_it_is_written(load: Any) -> None:
    default = config_hash(BenchConfig())
    assert re.fullmatch("[0-9a-f]{64}", default)
    assert config_hash(load("action_sampling: {seed: 42, K: 4}")) == default
    assert config_hash(load("action_sampling: {K: 5}")) != default
    # A key that came later changes no hash until it is used.
    later = "pause_after_provider_failures"
    assert later not in BenchConfig().document()["execution_limits"]
    assert config_hash(load(f"execution_limits: {{{later}: 3}}")) == default
    assert config_hash(load(f"execution_limits: {{{later}: 0}}")) != default
    assert load(f"execution_limits: {{{later}: 0}}").document()["execution_limits"][later] == 0
    by_date = config_hash(load("slices: {a: {updated: {min: 2026-05-01}}}"))
    assert config_hash(load("slices: {a: {updated: {min: '2026-05-01T02:00:00+02:00'}}}")) == by_date
    config = load("issue_selection: {filters: [{field: dk_size, in: [S]}]}")
    assert BenchConfig.model_validate(config.document()) == config


def defaults(**keys: Any) -> WorkcellDefaults:
    return WorkcellDefaults.model_validate({"repo": "/srv/shop", "gates": GATES, **keys})


def test_a_trusted_issue_overrides_any_key_of_the_workcell() -> None:
    config = defaults(
        base="main", setup="pip install x", rates={"usd_per_minute": 0.5, "max_usd_per_candidate": 2}
    )
    own = {"base": "abc", "setup": None, "rates": {"usd_per_minute": 1}, "tags": ["gpu"]}
    cell = resolve_workcell(config, own, "i", "all")
    assert (cell.repo, cell.base, cell.setup, cell.tags) == ("/srv/shop", "abc", None, ["gpu"])
    assert (cell.rates.usd_per_minute, cell.rates.max_usd_per_candidate) == (1, 2)
    assert resolve_workcell(config, None, "i").setup == ["pip", "install", "x"]
    assert resolve_workcell(config, {"base": None, "sandbox": None}, "i", "all").base == "HEAD"


@pytest.mark.parametrize(
    ("keys", "own", "message"),
    [
        (
            {"repo": None},
            {},
            "issue i-1: workcell.repo: missing; set it in the config's workcell block or in the",
        ),
        ({}, {"bas": "x"}, "issue i-1: workcell.bas: unknown key; did you mean base? (allowed: repo, base"),
        ({}, {"gates": []}, "issue i-1: workcell.gates: list should have at least 1 item"),
        (
            {},
            {"gates": [{"name": "t", "command": 5}]},
            "issue i-1: workcell.gates.0.command: should be a list",
        ),
        ({}, {"gates": [{**GATES[0], "name": "x" * 101}]}, "issue i-1: workcell.gates.0.name: "),
        ({}, {"gates": [*GATES, *GATES]}, "issue i-1: workcell.gates: gate names must differ"),
        (
            {},
            {"repo": "../elsewhere"},
            "issue i-1: workcell.repo: '../elsewhere' is relative; write a URL or an",
        ),
        ({}, {"base": "--upload-pack=x"}, "issue i-1: workcell.base: '--upload-pack=x' begins with a dash"),
        ({}, {"flaky_reruns": True}, "issue i-1: workcell.flaky_reruns: should be a whole number, not True"),
    ],
)
def test_a_workcell_that_cannot_be_is_refused_with_issue_and_key(
    keys: dict[str, Any], own: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_workcell(defaults(**keys), own, "i-1")
    assert str(caught.value).startswith(message)


def test_every_workcell_key_can_stand_in_the_config() -> None:
    assert set(WorkcellDefaults.model_fields) == set(Workcell.model_fields)


@pytest.mark.parametrize(
    ("text", "expected"), [("off", False), ("on", True), ("'off'", False), ("'on'", True), ("false", False)]
)
def test_the_gateway_is_switched_by_on_and_off(load: Any, text: str, expected: bool) -> None:
    config = load(f"workcell: {{toolchains: [{{name: claude, gateway: {text}}}]}}")
    assert config.workcell.toolchains[0].gateway is expected


def test_another_word_for_the_gateway_is_refused(load: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"workcell\.toolchains\.0\.gateway: should be true or false, not 'never'"
    ):
        load("workcell: {toolchains: [{name: claude, gateway: never}]}")


def test_options_of_providers_and_hosts_change_the_hash_only_where_they_are_set(load: Any) -> None:
    text = "workcell: {provider: {patience_seconds: 60}, egress: [packages.example.org]}"
    assert config_hash(load(text)) != config_hash(BenchConfig())
    assert "egress" not in BenchConfig().document()["workcell"]
    workcell = resolve_workcell(
        load(text).workcell,
        {"repo": "https://example.org/a.git", "gates": [{"name": "t", "command": ["true"]}]},
        "i",
    )
    assert workcell.provider is not None
    assert (workcell.provider.patience_seconds, workcell.egress) == (60.0, ["packages.example.org"])


def test_a_stream_that_does_not_land_keeps_the_document_that_it_had_before_there_was_landing() -> None:
    assert not {"land", "land_target", "land_author"} & set(BenchConfig().stream_document()["stream"])
    lands = BenchConfig.model_validate({"stream": {"land": "merge", "land_target": "main"}})
    document = lands.stream_document()["stream"]
    assert (document["land"], document["land_target"]) == ("merge", "main")


@pytest.mark.parametrize("stream", [{"land": "rebase"}, {"land_target": "-x"}, {"land_author": "Ann"}])
def test_landing_is_refused_where_it_names_no_mode_branch_or_author(stream: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        BenchConfig.model_validate({"stream": stream})
