"""Which variables a part of the embedded farm gets, and when it starts anew for them."""

from pathlib import Path

import pytest

from bench.embedded.errors import EmbeddedError
from bench.embedded.part_environment import (
    changed,
    environment_of,
    for_coordinator,
    for_worker,
    handed_before,
    missing_line,
    refuse_own,
)
from workers.errors import WorkerError

_SHELL = {
    "HOME": "/home/me",
    "MY_AGENT_HOME": "/opt/agent",
    "HTTPS_PROXY": "http://proxy",
    "NOBODY_NAMES_THIS": "private",
    "PGHOST": "elsewhere",
    "BENCH_SANDBOX": "bwrap",
    "BENCH_PASS_ENV": "HTTPS_PROXY, NO_PROXY",
    "BENCH_SECRET_KEY": "s3cret",
    "BENCH_DATABASE_URL": "postgresql://other",
    "BENCH_EMBEDDED_USER": "postgres",
    "BENCH_TRUST_ISSUE_WORKCELLS": "1",
}
_ROOT = Path("/farm/.bench")


def test_the_worker_gets_what_is_named_and_the_farms_own_and_nothing_else() -> None:
    assert for_worker(_SHELL, {}, ["MY_AGENT_HOME", "NOT_SET"]) == {
        "MY_AGENT_HOME": "/opt/agent",
        "HTTPS_PROXY": "http://proxy",
        "BENCH_SANDBOX": "bwrap",
        "BENCH_PASS_ENV": "HTTPS_PROXY, NO_PROXY",
        "BENCH_SECRET_KEY": "s3cret",
    }


def test_the_coordinator_gets_no_secret_and_no_named_variable() -> None:
    assert for_coordinator(_SHELL, {}) == {
        "BENCH_SANDBOX": "bwrap",
        "BENCH_PASS_ENV": "HTTPS_PROXY, NO_PROXY",
    }


def test_the_coordinator_gets_the_variables_of_targets_of_notices() -> None:
    shell = {"FARM_HOOK_SECRET": "whsec_x", "OTHER": "private"}
    names = {"FARM_HOOK_SECRET", "FARM_CHAT_URL"}
    assert for_coordinator(shell, {"FARM_CHAT_URL": "slack://x"}, names) == {
        "FARM_HOOK_SECRET": "whsec_x",
        "FARM_CHAT_URL": "slack://x",
    }
    assert for_coordinator({}, shell) == {}, "none of a target that was removed"
    assert for_worker(shell, {}, []) == {}


_KEYS = {
    "ANTHROPIC_API_KEY": "sk-a",
    "OPENAI_API_KEY_FILE": "/home/me/.openai",
    "BENCH_KEY_COMMAND_GEMINI_API_KEY": "pass show gemini",
}


def test_the_worker_alone_gets_the_keys_of_providers_and_where_they_come_from() -> None:
    assert for_worker(_KEYS, {}, []) == _KEYS
    assert for_coordinator(_KEYS, _KEYS) == {}


def test_another_key_is_a_change_and_replaces_the_earlier_source() -> None:
    before = handed_before(environment_of(for_worker(_KEYS, {}, []), _ROOT))
    assert changed(for_worker({}, before, []), before) == []
    assert changed(for_worker({"ANTHROPIC_API_KEY": "sk-b"}, before, []), before) == ["ANTHROPIC_API_KEY"]
    handed = for_worker({"OPENAI_API_KEY": "sk-o"}, before, [])
    assert "OPENAI_API_KEY_FILE" not in handed
    assert changed(handed, before) == ["OPENAI_API_KEY"]


def test_a_shell_that_lacks_a_variable_takes_it_from_nobody() -> None:
    before = handed_before(environment_of(for_worker(_SHELL, {}, ["MY_AGENT_HOME"]), _ROOT))
    again = for_worker({"HOME": "/home/me"}, before, [])
    assert again == before
    assert changed(again, before) == []


def test_what_changed_or_is_new_is_told_by_name() -> None:
    before = handed_before(environment_of(for_worker(_SHELL, {}, ["MY_AGENT_HOME"]), _ROOT))
    shell = {**_SHELL, "MY_AGENT_HOME": "/opt/new", "BENCH_SECRET_KEY": "other", "OTHER": "1"}
    assert changed(for_worker(shell, before, []), before) == ["BENCH_SECRET_KEY", "MY_AGENT_HOME"]
    assert changed(for_worker(shell, before, ["OTHER"]), before) == [
        "BENCH_SECRET_KEY",
        "MY_AGENT_HOME",
        "OTHER",
    ]


def test_the_farms_directory_stays_hidden_and_is_no_change() -> None:
    shell = {"BENCH_SANDBOX_HIDE": "/secret:/more"}
    for given in (shell, {}):
        environment = environment_of(for_worker(given, {}, []), _ROOT)
        assert environment["BENCH_SANDBOX_HIDE"].split(":")[0] == str(_ROOT)
        before = handed_before(environment)
        assert changed(for_worker(given, before, []), before) == []
        assert environment_of(for_worker({}, before, []), _ROOT) == environment


def test_nothing_is_taken_over_from_a_part_that_lives_no_more() -> None:
    assert handed_before({}) == {}


def test_a_missing_variable_is_named_with_its_toolchain() -> None:
    toolchains = [("claude", ["HTTPS_PROXY"]), ("command", ["HTTPS_PROXY", "MY_AGENT_HOME"])]
    assert missing_line(toolchains, {"HTTPS_PROXY", "MY_AGENT_HOME"}) is None
    line = missing_line(toolchains, {"HTTPS_PROXY"})
    assert line is not None
    assert "toolchain command: env names MY_AGENT_HOME, which is not set here" in line


@pytest.mark.parametrize("name", ["PGPASSWORD", "BENCH_SECRET_KEY", "BENCH_DATABASE_URL"])
def test_the_farms_own_are_never_handed_over_by_name(name: str) -> None:
    with pytest.raises(EmbeddedError, match=name):
        refuse_own([name])
    with pytest.raises(EmbeddedError, match=name):
        for_worker(_SHELL, {}, [name])
    with pytest.raises(WorkerError, match=f"BENCH_PASS_ENV.*{name}"):
        for_worker({"BENCH_PASS_ENV": name}, {}, [])
