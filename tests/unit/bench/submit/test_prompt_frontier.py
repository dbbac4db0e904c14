"""The prompts of agents as part of the epoch: a directory of genomes, or one file."""

from pathlib import Path

import pytest

from bench.config.load import load_config
from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.submit.epoch import stability
from bench.submit.prompts import genomes_digest, prompt_frontier
from workers.execution.prompt import rendered_sample


@pytest.fixture
def genomes(tmp_path: Path) -> Path:
    directory = tmp_path / "prompts"
    (directory / "repair").mkdir(parents=True)
    (directory / "b.md").write_text("work carefully")
    (directory / "repair" / "a.yaml").write_text("system: repair it")
    return directory


def test_the_same_genomes_elsewhere_have_the_same_digest(genomes: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    (other / "repair").mkdir(parents=True)
    (other / "repair" / "a.yaml").write_text("system: repair it")
    (other / "b.md").write_text("work carefully")
    (other / ".DS_Store").write_text("hidden")
    (other / "empty").mkdir()
    assert genomes_digest(other) == genomes_digest(genomes)


def test_content_names_and_new_genomes_change_it(genomes: Path) -> None:
    digests = [genomes_digest(genomes)]
    (genomes / "b.md").write_text("work fast")
    digests.append(genomes_digest(genomes))
    (genomes / "b.md").rename(genomes / "c.md")
    digests.append(genomes_digest(genomes))
    (genomes / "repair" / "new.yaml").touch()
    digests.append(genomes_digest(genomes))
    # The boundary between a name and a content is part of it.
    (genomes / "repair" / "new.yaml").write_text("system: repair it")
    (genomes / "repair" / "a.yaml").write_text("")
    digests.append(genomes_digest(genomes))
    assert len(set(digests)) == len(digests)


def test_a_file_works_whatever_its_name(genomes: Path) -> None:
    first = genomes_digest(genomes / "b.md")
    (genomes / "b.md").rename(genomes / "prompt.md")
    assert genomes_digest(genomes / "prompt.md") == first
    assert genomes_digest(genomes / "repair" / "a.yaml") != first


def test_what_holds_no_genome_is_refused_in_one_line(genomes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match=r"^prompt_frontier: .*nowhere: No such file or directory$"):
        genomes_digest(tmp_path / "nowhere")
    with pytest.raises(BenchError, match="empty holds no file; name the directory"):
        genomes_digest(tmp_path / "empty")
    (genomes / "loop").symlink_to(genomes, target_is_directory=True)
    with pytest.raises(BenchError, match="loop is a link to a directory"):
        genomes_digest(genomes)


def test_the_config_names_it_and_it_is_part_of_the_epoch(genomes: Path, tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text("prompt_frontier: prompts\n")
    config = load_config(tmp_path / "bench.yaml")
    assert config.prompt_frontier == str(genomes)
    before = stability(config, prompt_frontier(config.prompt_frontier))
    (genomes / "b.md").write_text("work fast")
    after = stability(config, prompt_frontier(config.prompt_frontier))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"prompt_frontier_hash"}


def test_without_it_the_epoch_and_the_config_are_as_before() -> None:
    assert prompt_frontier(None) == rendered_sample()
    assert "prompt_frontier" not in BenchConfig().document()
