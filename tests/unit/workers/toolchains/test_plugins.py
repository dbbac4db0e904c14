"""Entry points of other distributions: a broken or doubled one is one line, and does not affect the others."""

import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path

import pytest

from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains import registry
from workers.toolchains.plugins import GROUP, discover
from workers.toolchains.registry import check_ref, get_toolchain, known_toolchains, toolchain_faults

ROOT = Path(__file__).resolve().parents[4]
GOOD = """
from workers.testing import ScriptedToolchain
class Good(ScriptedToolchain):
    def __init__(self):
        super().__init__(name="good")
"""
Install = Callable[..., EntryPoints]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write a distribution with a module and entry points onto the module path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(distribution: str, module: str, source: str, **entries: str) -> EntryPoints:
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        metadata = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in entries.items()]
        (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
        return entry_points(group=GROUP)

    return write


def test_an_adapter_of_another_distribution_is_loaded_under_its_name(install: Install) -> None:
    plugins = discover((), install("agent-dist", "good_agent", GOOD, good="good_agent:Good"))
    assert plugins.toolchains["good"].name == "good"
    assert plugins.faults == {}


@pytest.mark.parametrize(
    ("source", "target", "word"),
    [
        ("raise RuntimeError('two\\nlines')", "Bad", "RuntimeError: two lines"),
        ("raise SystemExit('it ends the process')", "Bad", "SystemExit: it ends the process"),
        ("", "Bad", "AttributeError"),
        ("Bad = 1 / 0", "Bad", "ZeroDivisionError"),
        ("class Bad:\n    def __init__(self, argument): ...", "Bad", "TypeError"),
        ("class Bad:\n    name = 'other'", "Bad", "its `name` is 'other', not 'bad'"),
        ("class Bad:\n    name = 'bad'", "Bad", "it has no `uses_provider`"),
        ("class Bad:\n    name, uses_provider = 'bad', True", "Bad", "it has no `capability`"),
        (GOOD.replace("good", "bad") + "    report = None", "Good", "it has no method report"),
    ],
)
def test_a_broken_one_is_one_line_and_leaves_the_others(
    install: Install, source: str, target: str, word: str
) -> None:
    install("good-dist", "good_agent", GOOD, good="good_agent:Good")
    plugins = discover((), install("bad-dist", "bad_agent", source, bad=f"bad_agent:{target}"))
    assert list(plugins.toolchains) == ["good"]
    line = plugins.faults["bad"]
    assert word in line
    assert "\n" not in line
    assert f"entry point `bad = bad_agent:{target}` of distribution bad-dist" in line
    assert "repair or uninstall it" in line


def test_a_name_of_two_distributions_belongs_to_neither(install: Install) -> None:
    install("first-dist", "first_agent", GOOD, good="first_agent:Good", other="first_agent:Good")
    plugins = discover((), install("second-dist", "second_agent", GOOD, good="second_agent:Good"))
    assert "good" not in plugins.toolchains
    assert "2 distributions (first-dist, second-dist)" in plugins.faults["good"]
    assert "uninstall all but one" in plugins.faults["good"]


def test_a_built_in_adapter_is_never_replaced(install: Install) -> None:
    plugins = discover(("good",), install("agent-dist", "good_agent", GOOD, good="good_agent:Good"))
    assert plugins.toolchains == {}
    assert "the name of a built-in adapter" in plugins.faults["good"]


def test_a_name_that_no_queue_can_have_is_refused(install: Install) -> None:
    plugins = discover((), install("agent-dist", "good_agent", GOOD, **{"a+b": "good_agent:Good"}))
    assert "invalid name" in plugins.faults["a+b"]


def test_naming_a_broken_one_says_why_and_the_others_work(
    install: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install("bad-dist", "bad_agent", "raise RuntimeError('broken')", bad="bad_agent:Bad")
    monkeypatch.setattr(registry, "_plugins", registry._plugins.__wrapped__)
    with pytest.raises(WorkerError, match="bad-dist cannot be loaded: RuntimeError: broken"):
        check_ref(ToolchainRef(name="bad"))
    assert "bad" not in known_toolchains()
    assert get_toolchain("repair").name == "repair"
    assert toolchain_faults() == (registry._plugins().faults["bad"],)
    assert "bad-dist" in caplog.text


def test_our_own_metadata_name_the_adapters_that_are_built_in() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    built_in = {
        name: f"{type(each).__module__}:{type(each).__name__}" for name, each in registry._BUILT_IN.items()
    }
    assert declared == built_in


def test_every_program_has_an_install_line() -> None:
    programs = {name for name, each in registry._BUILT_IN.items() if not each.capability.argv}
    assert programs - {"repair"} == set(registry._INSTALL)
