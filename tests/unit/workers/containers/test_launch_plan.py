"""The engine's command line for a program: no value of a variable but harmless ones, no privilege, exact mounts."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from workers.containers.engine import Engine, EngineMissingError, find_engine
from workers.containers.images import Image
from workers.containers.rung import Container
from workers.sandbox.program import MARK, DoorMount, ImagePrograms, SandboxedProgram
from workers.sandbox.runner import MissingProgramError

PODMAN, DOCKER = Engine("/usr/bin/podman", "podman"), Engine("/usr/bin/docker", "docker")
WITH_PYTHON = Image(
    "tools:1", f"sha256:{'a' * 64}", f"sha256:{'b' * 64}", ImagePrograms("/bin", "/bin/python3", 3, 11)
)
WITHOUT = replace(WITH_PYTHON, programs=ImagePrograms("/bin"))

SECRETS = (
    *("OPENAI_API_KEY", "GOOGLE_API_KEY", "GOPROXY", "GODEBUG", "DOCKER_AUTH_CONFIG", "LANG"),
    *("REGISTRY_AUTH", "XDG_TOKEN", "CONTAINER_TOKEN", "LD_TOKEN", "DBUS_TOKEN"),
)


def program(tmp_path: Path, **more: object) -> SandboxedProgram:
    env = {MARK: str(tmp_path), "PATH": "/bin", "HOME": str(tmp_path)} | dict.fromkeys(
        SECRETS, "sk-very-secret"
    )
    return SandboxedProgram(("agent", "--go"), env, tmp_path, tmp_path, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", [PODMAN, DOCKER], ids=lambda engine: engine.kind)
def test_the_value_of_a_variable_is_on_no_command_line(engine: Engine, tmp_path: Path) -> None:
    rung = Container(engine, WITH_PYTHON)
    plan = rung.plan(program(tmp_path))
    assert not [word for word in rung.argv(program(tmp_path), 3) if "sk-very-secret" in word]
    assert plan.inherited == ["OPENAI_API_KEY", "GOOGLE_API_KEY", "GOPROXY"]
    assert sorted(plan.filed) == sorted({MARK, "PATH", "HOME", *SECRETS} - set(plan.inherited))
    position = plan.command.index("OPENAI_API_KEY")
    assert plan.command[position - 1] == "--env"
    assert not [word for word in plan.command if "/bin" in word and word.startswith("PATH=")]


@pytest.mark.parametrize("value", ["a\nOTHER=b", "a\r"])
def test_a_line_break_that_a_file_of_variables_cannot_hold_is_refused(tmp_path: Path, value: str) -> None:
    given = program(tmp_path)
    with pytest.raises(ValueError, match="variable DOCKER_AUTH_CONFIG has a line break"):
        Container(PODMAN, WITH_PYTHON).plan(replace(given, env={**given.env, "DOCKER_AUTH_CONFIG": value}))
    Container(PODMAN, WITH_PYTHON).plan(replace(given, env={**given.env, "GOOGLE_KEY": value}))


@pytest.mark.parametrize("engine", [PODMAN, DOCKER], ids=lambda engine: engine.kind)
def test_every_container_is_closed_and_carries_its_mark(engine: Engine, tmp_path: Path) -> None:
    command = Container(engine, WITH_PYTHON, cpus=1.5).plan(program(tmp_path, memory_bytes=1 << 30)).command
    pairs = set(pairwise(command))
    for pair in (
        ("--network", "none"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--pull", "never"),
        ("--label", f"bench-farm.workcell={tmp_path}"),
        ("--memory", f"{1 << 30}b"),
        ("--cpus", "1.5"),
        ("--volume", f"{tmp_path}:{tmp_path}:rw,nosuid,nodev"),
    ):
        assert pair in pairs
    assert "--read-only" in command
    assert "--rm" in command
    assert WITH_PYTHON.image_id in command
    written = [word for word in command if ":rw," in word and "mode=1777" not in word]
    assert written == [f"{tmp_path}:{tmp_path}:rw,nosuid,nodev"]


def test_an_engine_without_cgroups_is_given_no_limits(tmp_path: Path) -> None:
    engine = replace(PODMAN, has_limits=False)
    command = Container(engine, WITH_PYTHON, cpus=1.5).plan(program(tmp_path, memory_bytes=1 << 30)).command
    assert not {"--memory", "--cpus", "--pids-limit"} & set(command)


def test_docker_is_asked_for_the_first_process_and_podman_writes_it(tmp_path: Path) -> None:
    asked = Container(DOCKER, WITH_PYTHON).plan(program(tmp_path)).ask_pid
    assert asked[:4] == ["/usr/bin/docker", "inspect", "--format", "{{.State.Pid}}"]
    podman = Container(PODMAN, WITH_PYTHON).plan(program(tmp_path))
    assert podman.ask_pid == []
    assert "--pidfile" in podman.command


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"doors": (DoorMount(Path("/tmp/s"), 80),)}, "a way to the network"),
        ({"descriptors": (5,)}, "a gate that reports"),
    ],
)
def test_what_needs_python_in_the_image_is_refused_without_one(
    tmp_path: Path, more: dict[str, object], what: str
) -> None:
    with pytest.raises(
        MissingProgramError, match=rf"image tools:1 has no Python 3\.9 on its PATH, which {what}"
    ):
        Container(PODMAN, WITHOUT).plan(program(tmp_path, **more))
    assert Container(PODMAN, WITHOUT).plan(program(tmp_path)).command[-2:] == ["agent", "--go"]


def test_a_path_that_the_engine_would_misread_is_refused(tmp_path: Path) -> None:
    odd = tmp_path / "a:b"
    odd.mkdir()
    with pytest.raises(ValueError, match="colon"):
        Container(PODMAN, WITH_PYTHON).plan(program(tmp_path, writes=(odd,)))


def test_a_machine_without_an_engine_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissingError, match="no podman or docker on PATH: apt-get install podman"):
        find_engine()
    with pytest.raises(EngineMissingError, match="BENCH_CONTAINER_ENGINE=none"):
        find_engine("none")
