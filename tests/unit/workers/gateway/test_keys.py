"""Keys of providers from variables, files and commands: precedence, and errors without the value."""

import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from workers.errors import WorkerError
from workers.gateway import keys
from workers.gateway.keys import (
    KEY_NAMES,
    check_no_keys,
    key_of,
    missing_key_line,
    read_keys,
    resolved,
    without_replaced,
)
from workers.gateway.providers import PROVIDERS, provider_named
from workers.settings import WorkerSettings

_KEY = "sk-real-0123456789"


def _file(directory: Path, text: str = f"{_KEY}\n", mode: int = 0o600) -> str:
    path = directory / "key"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def _command(code: str) -> str:
    return f"{sys.executable} -c '{code}'"


def test_the_variables_that_users_already_have_are_keys() -> None:
    wanted = {"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY"}
    assert wanted <= set(KEY_NAMES)
    env = {**dict.fromkeys(KEY_NAMES, _KEY), "HOME": "/home/me", "GROQ_API_KEY_FILE": ""}
    assert read_keys(env) == dict.fromkeys(KEY_NAMES, _KEY)


def test_each_source_comes_before_the_next(tmp_path: Path) -> None:
    name = "ANTHROPIC_API_KEY"
    sources = [
        (f"BENCH_SECRET_{name}", "sk-secret", "sk-secret"),
        (f"BENCH_KEY_COMMAND_{name}", _command('print("sk-command")'), "sk-command"),
        (name, "sk-plain", "sk-plain"),
        (f"{name}_FILE", _file(tmp_path, "sk-file"), "sk-file"),
    ]
    for first in range(len(sources)):
        env = {variable: value for variable, value, _ in sources[first:]}
        assert read_keys(env) == {name: sources[first][2]}


def test_a_source_of_lower_precedence_is_not_read(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    env = {
        "BENCH_SECRET_OPENAI_API_KEY": _KEY,
        "BENCH_KEY_COMMAND_OPENAI_API_KEY": f"touch {ran}",
        "OPENAI_API_KEY_FILE": str(tmp_path / "missing"),
    }
    assert read_keys(env) == {"OPENAI_API_KEY": _KEY}
    assert not ran.exists()


def test_the_settings_hold_every_key_so_that_all_are_redacted(tmp_path: Path) -> None:
    env = {
        "BENCH_SECRET_DEPLOY_TOKEN": "t0ken",
        "OPENAI_API_KEY": _KEY,
        "GEMINI_API_KEY_FILE": _file(tmp_path, "g3mini"),
        "BENCH_KEY_COMMAND_MYHOUSE_API_KEY": _command('print("my-key")'),
    }
    secrets = WorkerSettings.from_environment(env).secrets
    assert set(secrets) == {"DEPLOY_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "MYHOUSE_API_KEY"}
    assert (secrets["GEMINI_API_KEY"], secrets["DEPLOY_TOKEN"]) == ("g3mini", "t0ken")
    assert WorkerSettings.from_environment(env, with_secrets=False).secrets == {}


def test_only_the_first_line_of_a_commands_output_is_the_key(tmp_path: Path) -> None:
    script = tmp_path / "print-key"
    script.write_text(f"#!{sys.executable}\nprint('{_KEY}')\nprint('expires tomorrow')\n")
    script.chmod(0o700)
    assert read_keys({"BENCH_KEY_COMMAND_X": str(script)}) == {"X": _KEY}


def test_a_command_gets_no_shell_and_no_variable_of_the_farm(tmp_path: Path) -> None:
    script = tmp_path / "show"
    script.write_text(
        f"#!{sys.executable}\nimport os, sys\nprint(os.environ.get('BENCH_DATABASE_URL'), *sys.argv[1:], sep='|')\n"
    )
    script.chmod(0o700)
    env = {"BENCH_DATABASE_URL": "postgresql://me:pw@db/bench", "BENCH_KEY_COMMAND_X": f"{script} '$HOME;id'"}
    assert read_keys(env) == {"X": "None|$HOME;id"}


def test_a_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    lines: list[str] = []
    env = {"OPENAI_API_KEY_FILE": _file(tmp_path, mode=0o600)}
    assert read_keys(env, lines.append) == {"OPENAI_API_KEY": _KEY}
    assert lines == []
    for mode in (0o640, 0o604):
        env = {"OPENAI_API_KEY_FILE": _file(tmp_path, mode=mode)}
        assert read_keys(env, lines.append) == {"OPENAI_API_KEY": _KEY}
    assert [line.partition(":")[0] for line in lines] == ["OPENAI_API_KEY_FILE"] * 2
    assert "mode 0604" in lines[1]
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o604


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("relative/key", "not an absolute path"),
        ("{tmp}/missing", "No such file"),
        ("{tmp}", "Is a directory"),
        ("{tmp}/empty", "is empty"),
        ("{tmp}/two", "not one key on one line"),
    ],
)
def test_a_file_without_a_key_is_an_error_that_names_the_variable(
    tmp_path: Path, value: str, words: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text(f"{_KEY}\nsecond\n")
    with pytest.raises(WorkerError, match=f"^ANTHROPIC_API_KEY_FILE.*{words}") as raised:
        read_keys({"ANTHROPIC_API_KEY_FILE": value.format(tmp=tmp_path)})
    assert _KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("'unbalanced", "not a command line"),
        ("no-such-program-here", "no executable 'no-such-program-here'"),
        ('{python} -c "import sys; print(123456789); sys.exit(3)"', "exit code 3"),
        ("{python} -c pass", "is empty"),
    ],
)
def test_a_command_without_a_key_is_an_error_that_names_the_variable(command: str, words: str) -> None:
    env = {"BENCH_KEY_COMMAND_OPENAI_API_KEY": command.format(python=sys.executable)}
    with pytest.raises(WorkerError, match=f"^BENCH_KEY_COMMAND_OPENAI_API_KEY.*{words}") as raised:
        read_keys(env)
    assert "123456789" not in str(raised.value)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COMMAND_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(WorkerError, match="BENCH_KEY_COMMAND_X: the command did not end"):
        read_keys({"PATH": "/usr/bin:/bin", "BENCH_KEY_COMMAND_X": "sh -c 'sleep 60 & sleep 60'"})
    assert time.monotonic() - started < 20


def test_without_commands_their_program_is_still_looked_for() -> None:
    env = {"BENCH_KEY_COMMAND_X": _command("raise SystemExit(1)")}
    assert read_keys(env, run_commands=False) == {}
    with pytest.raises(WorkerError, match="no executable"):
        read_keys({"BENCH_KEY_COMMAND_X": "no-such-program-here"}, run_commands=False)


def test_a_child_process_reads_no_file_and_no_command_again(tmp_path: Path) -> None:
    env = {
        "OPENAI_API_KEY": "sk-plain",
        "GEMINI_API_KEY_FILE": _file(tmp_path),
        "BENCH_KEY_COMMAND_X": _command('print("sk-x")'),
    }
    more = resolved(env)
    assert more == {"BENCH_SECRET_GEMINI_API_KEY": _KEY, "BENCH_SECRET_X": "sk-x"}
    (tmp_path / "key").unlink()
    child = {**env, **more, "BENCH_KEY_COMMAND_X": _command("raise SystemExit(1)")}
    assert read_keys(child) == {"OPENAI_API_KEY": "sk-plain", "GEMINI_API_KEY": _KEY, "X": "sk-x"}


def test_the_preferred_name_of_a_provider_comes_first() -> None:
    anthropic = PROVIDERS["anthropic"]
    known = {"CLAUDE_CODE_OAUTH_TOKEN": "oauth", "OPENAI_API_KEY": "other"}
    assert key_of(anthropic, known) == "oauth"
    assert key_of(anthropic, {**known, "ANTHROPIC_API_KEY": "api"}) == "api"
    assert key_of(PROVIDERS["gemini"], known) is None


def test_a_missing_key_is_an_error_with_the_variables_that_are_read() -> None:
    assert missing_key_line(PROVIDERS["anthropic"], {"CLAUDE_CODE_OAUTH_TOKEN"}) is None
    line = missing_key_line(PROVIDERS["anthropic"], {"OPENAI_API_KEY"}) or ""
    assert all(name in line for name in (*PROVIDERS["anthropic"].keys, "BENCH_SECRET_", "_FILE"))
    # Only the prefixed variables can name a key of a provider that is not known.
    line = missing_key_line(provider_named("my-house"), ()) or ""
    assert "export BENCH_SECRET_MY_HOUSE_API_KEY or BENCH_KEY_COMMAND_MY_HOUSE_API_KEY" in line


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "OPENAI_API_KEY_FILE"])
def test_no_program_with_the_network_gets_a_key_by_name(name: str) -> None:
    with pytest.raises(WorkerError, match=f"BENCH_PASS_ENV: {name} is a provider key"):
        WorkerSettings.from_environment({"BENCH_PASS_ENV": f"HTTPS_PROXY,{name}"})
    check_no_keys(["HTTPS_PROXY", "MY_AGENT_KEY"], "env")


@pytest.mark.parametrize(
    ("shell", "kept"),
    [
        ({"OPENAI_API_KEY": "new"}, {"GEMINI_API_KEY": "g", "HTTPS_PROXY": "p"}),
        ({"OPENAI_API_KEY_FILE": "/new"}, {"GEMINI_API_KEY": "g", "HTTPS_PROXY": "p"}),
        ({"HOME": "/home/me"}, None),
    ],
)
def test_a_key_that_a_shell_gives_replaces_every_earlier_source(
    shell: Mapping[str, str], kept: Mapping[str, str] | None
) -> None:
    before = {"BENCH_SECRET_OPENAI_API_KEY": "old", "GEMINI_API_KEY": "g", "HTTPS_PROXY": "p"}
    assert without_replaced(before, shell) == (before if kept is None else kept)
