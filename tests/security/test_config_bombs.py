"""Promise: a config or a backlog that is made to break the farm is refused in one line, at once, before all else."""

import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cli.main import main
from bench.config.errors import ConfigError
from bench.config.load import load_config, resolve_workcell
from bench.config.models import WorkcellDefaults
from bench.intake.cards import CardError, read_card

Said = pytest.CaptureFixture[str]

_LAUGHS = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
_MERGES = "m0: &m0 {k0: 1}\n" + "".join(
    f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 10)
)
_CHAIN = "c0: &c0 [x]\n" + "".join(f"c{n}: &c{n} [*c{n - 1}]\n" for n in range(1, 3000))
_LONG_TEXT = f"s: &s {'x' * 100_000}\nall: [{', '.join(['*s'] * 20_000)}]\n"
_KEYS = "k0: &k0 [x, x]\n" + "".join(f"k{n}: &k{n} [*k{n - 1}, *k{n - 1}]\n" for n in range(1, 40))

BOMBS = {
    "billion laughs": (_LAUGHS, ":", "aliases that expand to more"),
    "merge keys": (_MERGES, ":", "aliases that expand to more"),
    "a long text many times": (_LONG_TEXT, ":2", "aliases that expand to more"),
    "a chain of aliases": (_CHAIN, ":", "nested more than 64 deep"),
    "a key of aliases": (f"{_KEYS}? *k39\n: x\n", ":", "a key that is no plain text"),
    "a list in itself": ("slices: &a [*a]\n", ":1", "an anchor that holds itself"),
    "a mapping in itself": ("slices: &a {b: {c: *a}}\n", ":1", "an anchor that holds itself"),
    "a mapping merged into itself": ("slices: &a {<<: *a}\n", ":1", "an anchor that holds itself"),
    "open brackets": ("[" * 100_000, ":1", "nested more than 64 deep"),
    "deep brackets": ("a: " + "[" * 200 + "]" * 200, ":1", "nested more than 64 deep"),
    "too large": (f"a: {'x' * 400_000}\n", "", "larger than 256 KiB"),
    "a decimal of 100,000 digits": (f"action_sampling: {{seed: {'9' * 100_000}}}\n", ":1", "100000 digits"),
    "a number beyond 64 bits": (
        "action_sampling: {seed: 9223372036854775808}\n",
        ":1",
        "action_sampling.seed: a whole number beyond 64 bits",
    ),
    "infinite minutes": (
        "execution_limits: {max_minutes: .inf}\n",
        ":1",
        "execution_limits.max_minutes: inf is no limit",
    ),
    "minutes that are no number": (
        "workcell: {toolchains: [{name: repair, limit_minutes: .nan}]}\n",
        ":1",
        "workcell.toolchains.0.limit_minutes: nan is no limit",
    ),
    "dollars beyond floats": (
        "workcell: {rates: {max_usd_per_candidate: 1.0e+999}}\n",
        ":1",
        "rates.max_usd_per_candidate: inf is no limit",
    ),
    "dollars beyond reason": (
        "workcell: {rates: {usd_per_minute: 1.0e+300}}\n",
        ":1",
        "rates.usd_per_minute: input should be less than or equal to 10000",
    ),
    "seconds beyond reason": (
        "workcell: {seconds_per_minute: 1.0e+300}\n",
        ":1",
        "seconds_per_minute: input should be less than or equal to 1000000",
    ),
    "one minute thirty": (
        "execution_limits: {max_usd: 1:30}\n",
        ":1",
        "execution_limits.max_usd: should be a number, not '1:30'",
    ),
    "one minute thirty and a half": (
        "workcell: {seconds_per_minute: 1:30.5}\n",
        ":1",
        "workcell.seconds_per_minute: should be a number, not '1:30.5'",
    ),
    "a minute of no time": (
        "workcell: {seconds_per_minute: 1.0e-300}\n",
        ":1",
        "seconds_per_minute: input should be greater than or equal to 0.001",
    ),
    "octal": ("action_sampling: {K: 010}\n", ":1", "action_sampling.K: should be a whole number, not '010'"),
    "hexadecimal": (
        "action_sampling: {seed: 0x1F}\n",
        ":1",
        "action_sampling.seed: should be a whole number",
    ),
    "a helper of git": ("workcell: {repo: 'fd::17/x'}\n", ":1", "workcell.repo: 'fd::17/x' is of a kind"),
    "NUL": ('workcell: {repo: "a\\0b"}\n', ":1", "workcell.repo: holds NUL"),
    "half a character": ('workcell: {base: "\\ud800"}\n', ":1", "workcell.base: holds NUL or half a"),
    "bytes": ("slices: {a: {id: !!binary aGk=}}\n", ":1", "slices.a.id: a bytes is neither text"),
    "a set": ("slices: {a: {id: !!set {x}}}\n", ":1", "slices.a.id: a set is neither text"),
    "an unknown user's home": ("workcell: {repo: ~nobody-here/x}\n", None, ""),
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.chdir(tmp_path)
    # Nothing may get as far as this address.
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://x@/y?host=/nowhere")

    def written(text: str) -> Path:
        path = tmp_path / "bench.yaml"
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_one_line_within_a_second(
    name: str, bench: Callable[[str], Path], capsys: Said
) -> None:
    text, line, words = BOMBS[name]
    path = bench(text)
    if line is None:
        assert load_config(path).workcell.repo is not None
        return
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for command in ("submit", "run", "queue"):
        capsys.readouterr()
        assert main([command]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1, said.err
        assert said.err.startswith(f"bench: {path.name}{line}") or f"{path}{line}" in said.err, said.err
        assert words in said.err
        assert len(said.err) < 500
    assert time.process_time() - began < 3.0
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 200 * 1024
    assert [each.name for each in path.parent.iterdir()] == ["bench.yaml"]


def test_a_device_is_no_endless_config(bench: Callable[[str], Path], capsys: Said) -> None:
    bench("{}")
    assert main(["submit", "--config", "/dev/zero"]) == 2
    assert "a device and no regular file" in capsys.readouterr().err


def test_aliases_that_say_no_more_than_they_hold_are_taken(bench: Callable[[str], Path]) -> None:
    config = load_config(
        bench(
            textwrap.dedent("""
                slices:
                  a: &a {dk_risk: [low]}
                  b: {<<: *a, dk_size: S}
                  c: *a
                action_sampling: {seed: 1_000, K: +4, replicate_fraction: .5}
                execution_limits: {max_usd: 1.5e+1, max_minutes: 30}
            """)
        )
    )
    assert config.slices["b"] == {"dk_risk": ["low"], "dk_size": "S"}
    assert config.slices["c"] == {"dk_risk": ["low"]}
    assert (config.action_sampling.seed, config.action_sampling.K) == (1000, 4)
    assert (config.execution_limits.max_usd, config.execution_limits.max_minutes) == (15.0, 30)


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("submit", "--max-usd"),
        ("submit", "--max-minutes"),
        ("run", "--max-usd"),
        ("run", "--confidence-threshold"),
        ("resume", "--max-usd"),
        ("resume", "--max-minutes"),
        ("value", "--minute-cost"),
        ("value", "--dollar-cost"),
        ("value", "--worst"),
        ("power", "--alpha"),
        ("power", "--power"),
    ],
)
@pytest.mark.parametrize("value", ["nan", "inf", "1:30"])
def test_no_flag_takes_a_number_without_an_end(
    command: str, flag: str, value: str, bench: Callable[[str], Path], capsys: Said
) -> None:
    bench("{}")
    more = ["b-1"] if command == "resume" else []
    assert main([command, f"{flag}={value}", *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert flag in said.err
    assert "nowhere" not in said.err


_DEEP: list[Any] = []
for _ in range(60):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base", 10**5000),
        ("gates", [{"name": "t", "command": ["true"], "timeout_seconds": 10**400}]),
        ("gates", [{"name": "t", "command": ["true"], "timeout_seconds": 1e300}]),
        ("gates", [{"name": "t", "command": ["true"], "timeout_seconds": float("nan")}]),
        ("gates", [{"name": "t", "command": ["true"], "timeout_seconds": float("inf")}]),
        ("gates", [{"name": "t", "command": ["a\0b"]}]),
        ("gates", _DEEP),
        ("repo", "fd::17/x"),
        ("repo", "/r\0"),
        ("protected_paths", ["\ud800"]),
        ("setup", ["x" * 10, 5]),
        ("rates", {"usd_per_minute": float("inf")}),
        ("rates", {"max_usd_per_candidate": "1:30"}),
        ("flaky_reruns", 2**70),
    ],
    ids=map(str, range(14)),
)
def test_the_same_of_an_issues_workcell(key: str, value: object) -> None:
    config = WorkcellDefaults.model_validate({"repo": "/r", "gates": [{"name": "t", "command": "true"}]})
    for level in ("gates", "all"):
        with pytest.raises(ConfigError) as caught:
            resolve_workcell(config, {key: value}, "i-1", level)
        line = str(caught.value)
        assert line.startswith(f"issue i-1: workcell.{key}")
        assert "\n" not in line
        assert len(line) < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gates: &a [*a]", "an alias"),
        ("seconds_per_minute: .nan", "JSON"),
        (f"seconds_per_minute: {'9' * 5000}", "5000 digits"),
    ],
)
def test_the_same_of_a_card_in_a_plan_tracker(text: str, said: str) -> None:
    with pytest.raises(CardError, match=said):
        read_card(f"id: a\nworkcell:\n  {text}\n")
    assert read_card("id: a\nworkcell: {seconds_per_minute: 1:30}")["workcell"] == {
        "seconds_per_minute": "1:30"
    }


def test_a_process_refuses_them_without_much_memory(bench: Callable[[str], Path]) -> None:
    path = bench(_LAUGHS)

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-m", "bench.cli.main", "submit"],
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=little,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
