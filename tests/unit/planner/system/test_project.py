"""The project around a directory: the nearest one above that holds its state or its config, and is this user's."""

import os
from pathlib import Path

import pytest

from planner.errors import PlannerError
from planner.system.project import Project, ProjectSearch, find_project, state_directory

OTHER_USER = 12345


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """`tmp_path/a/b`."""
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    return deep


def test_where_nothing_is_there_is_no_project(deep: Path) -> None:
    assert find_project(deep) == ProjectSearch(None)
    assert state_directory(deep, {}) == deep / ".bench"


def test_the_nearest_state_or_config_makes_the_project(tmp_path: Path, deep: Path) -> None:
    (tmp_path / ".bench").mkdir()
    assert find_project(deep) == ProjectSearch(Project(tmp_path))
    (deep.parent / "bench.yml").touch()
    assert find_project(deep) == ProjectSearch(Project(deep.parent, deep.parent / "bench.yml"))
    # Nested: the inner one has no config, and takes none from the outer.
    (deep / ".bench").mkdir()
    assert find_project(deep) == ProjectSearch(Project(deep))
    assert state_directory(deep, {}) == deep / ".bench"
    assert state_directory(deep.parent, {}) == deep.parent / ".bench"


def test_a_file_called_bench_and_a_directory_called_like_a_config_make_no_project(deep: Path) -> None:
    (deep / ".bench").touch()
    (deep / "bench.yaml").mkdir()
    assert find_project(deep) == ProjectSearch(None)


def test_links_are_followed_before_the_search(tmp_path: Path, deep: Path) -> None:
    (deep / "bench.yaml").touch()
    inside = deep / "inside"
    inside.mkdir()
    (tmp_path / "link").symlink_to(inside)
    assert find_project(tmp_path / "link") == ProjectSearch(Project(deep, deep / "bench.yaml"))


def test_pyproject_names_the_config_and_comes_before_the_usual_names(tmp_path: Path, deep: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    (tmp_path / "bench.yaml").touch()
    pyproject.write_text('[project]\nname = "bench"\n[tool.other]\nbench = 1\n')
    assert find_project(deep) == ProjectSearch(Project(tmp_path, tmp_path / "bench.yaml"))
    for text in ('[tool.bench]\nconfig = "conf/b.yaml"', '[tool]\nbench.config = "conf/b.yaml"'):
        pyproject.write_text(text)
        assert find_project(deep) == ProjectSearch(Project(tmp_path, tmp_path / "conf/b.yaml", pyproject))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[tool.bench]\nconfig = "a"\nK = 4', "K is unknown"),
        ("[tool.bench]", "name the config"),
        ("[tool.bench]\nconfig = 3", "name the config"),
        ('[tool]\nbench = "a"', "'a' is unknown"),
        ("[tool.bench", "not TOML"),
        ('[tool.bench]\nconfig = "\udcff"', "not TOML"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(text, errors="surrogateescape")
    with pytest.raises(PlannerError) as refused:
        find_project(tmp_path)
    assert str(refused.value).startswith(f"{pyproject}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_work_directory_of_a_farm_is_outside_of_its_project(tmp_path: Path) -> None:
    check_out = tmp_path / ".bench/work/cells/1/repo"
    check_out.mkdir(parents=True)
    assert find_project(check_out) == ProjectSearch(None)
    assert find_project(tmp_path / ".bench") == ProjectSearch(Project(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_others_is_passed_over_above_the_start(tmp_path: Path, deep: Path) -> None:
    (tmp_path / ".bench").mkdir()
    config = deep.parent / "bench.yaml"
    config.touch()
    os.chown(config, OTHER_USER, OTHER_USER)
    assert find_project(deep) == ProjectSearch(Project(tmp_path), (config,))
    # In the working directory itself the user can see what there is.
    assert find_project(deep.parent) == ProjectSearch(Project(deep.parent, config))
    # A link of theirs to a directory of ours is theirs.
    (deep.parent / ".bench").symlink_to(tmp_path / ".bench")
    os.chown(deep.parent / ".bench", OTHER_USER, OTHER_USER, follow_symlinks=False)
    assert find_project(deep) == ProjectSearch(Project(tmp_path), (deep.parent / ".bench", config))
    os.chown(tmp_path / ".bench", OTHER_USER, OTHER_USER)
    assert find_project(deep).project is None


def test_the_home_of_the_environment_is_the_state_itself(tmp_path: Path, deep: Path) -> None:
    (tmp_path / ".bench").mkdir()
    assert state_directory(deep, {"BENCH_HOME": ""}) == tmp_path / ".bench"
    assert state_directory(deep, {"BENCH_HOME": "/srv/farm"}) == Path("/srv/farm")
    assert state_directory(deep, {"BENCH_HOME": "../farm"}) == deep.parent / "farm"
