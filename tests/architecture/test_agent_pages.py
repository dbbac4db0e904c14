"""Every adapter of a coding agent has its page, and the configs that the pages show are accepted."""

import re
from pathlib import Path

import pytest
import yaml

from bench.config.load import load_config
from workers.gateway.checks import refusal_of
from workers.gateway.providers import PROVIDERS
from workers.spec import ToolchainRef
from workers.toolchains.registry import check_ref, get_toolchain, known_toolchains, missing_executable

DOCS = Path(__file__).resolve().parents[2] / "docs"
AGENTS = DOCS / "how-to" / "agents"
MONEY = DOCS / "explanation" / "money-at-a-provider.md"
NO_AGENTS = ("command", "repair")
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [*sorted(AGENTS.glob("*.md")), MONEY]


def _refs(page: Path, tmp_path: Path) -> list[ToolchainRef]:
    """The toolchains of the configs in a page, each loaded as a whole file."""
    refs: list[ToolchainRef] = []
    for text in YAML.findall(page.read_text(encoding="utf-8")):
        config = tmp_path / "bench.yaml"
        config.write_text(text, encoding="utf-8")
        refs += load_config(config).workcell.toolchains or []
    return refs


def test_every_agent_that_is_known_has_a_page() -> None:
    pages = {page.stem for page in AGENTS.glob("*.md")} - {"README"}
    assert set(known_toolchains()) - set(NO_AGENTS) <= pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_configs_in_a_page_are_accepted(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(_json_block(MONEY))
    monkeypatch.setenv("BENCH_PRICES", str(prices))
    refs = _refs(page, tmp_path)
    assert refs or page == MONEY
    assert page.stem in {*(ref.name for ref in refs), "README", MONEY.stem}
    for ref in refs:
        if ref.name in known_toolchains():
            check_ref(ref)
            assert refusal_of(ref, get_toolchain(ref.name), None) is None


def _json_block(page: Path) -> str:
    block = re.search(r"^```json\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


def test_the_index_names_every_provider() -> None:
    text = (AGENTS / "README.md").read_text(encoding="utf-8")
    assert [name for name in PROVIDERS if f"`{name}`" not in text] == []


def test_a_page_has_the_install_line_of_its_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for name in known_toolchains():
        line = None if name in (*NO_AGENTS, "acp") else missing_executable(ToolchainRef(name=name))
        command = re.search(r"`([^`]+)`", line or "")
        if command is not None:
            assert f"`{command[1]}`" in (AGENTS / f"{name}.md").read_text(encoding="utf-8")


def test_every_config_of_an_agent_reserves_money(tmp_path: Path) -> None:
    for page in AGENTS.glob("*.md"):
        for text in YAML.findall(page.read_text(encoding="utf-8")):
            assert yaml.safe_load(text)["workcell"]["rates"]["max_usd_per_candidate"] > 0
