"""What is built comes from what was looked at: exact files, exact images, and nothing of the builder's own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pathspec
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [ROOT / "constraints" / f"{name}.txt" for name in ("farm", "train", "torch", "cuda", "dev")]
TORCH_CPU = ROOT / "constraints" / "torch-cpu.txt"
ALL_LOCKS = [
    *LOCKS,
    TORCH_CPU,
    ROOT / "constraints" / "uv.txt",
    ROOT / "tests/stand_ins/mini-requirements.txt",
]
PACKAGES = ("bench", "bench_farm.py", "workers", "db", "planner", "migrations")
PRIVATE = (
    ".env",
    ".env.local",
    ".git/config",
    ".bench/secrets.json",
    ".venv/bin/python",
    "demo/.bench/secrets.json",
    "tests/unit/test_one.py",
    "bench/.env",
    "bench/cli/.env.local",
    "planner/.bench/secrets.json",
    "bench/__pycache__/one.cpython-311.pyc",
    "build/ci/venv/bin/python",
    "stage-a/bench.yaml",
    "id_rsa",
    "constraints/.kept.txt",
)


def in_the_context(paths: Iterable[str]) -> set[str]:
    """What Docker sends of `paths`: the last rule that names a path or a directory above it decides.

    Docker's patterns begin at the context's root, also those without a slash, unlike Git's.
    """
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    compiled = [(rule, pathspec.PathSpec.from_lines("gitignore", [f"/{rule.lstrip('!')}"])) for rule in rules]

    def is_sent(path: str) -> bool:
        above = [str(each) for each in (Path(path), *Path(path).parents)][:-1]
        decisions = [rule for rule, spec in compiled if any(map(spec.match_file, above))]
        return not decisions or decisions[-1].startswith("!")

    return {path for path in paths if is_sent(path)}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


def copied(dockerfile: str) -> list[str]:
    """The sources of every COPY from the context."""
    lines = [shlex.split(line) for line in dockerfile.splitlines() if line.startswith("COPY ")]
    return [
        source.rstrip("/") for line in lines if not line[1].startswith("--from=") for source in line[1:-1]
    ]


def test_a_build_context_holds_nothing_private() -> None:
    assert in_the_context([*PRIVATE, "bench/cli/main.py", "pyproject.toml"]) == {
        "bench/cli/main.py",
        "pyproject.toml",
    }
    left_in = {path.split("/")[0] for path in in_the_context(tracked())}
    assert left_in == {*PACKAGES, "constraints", "pyproject.toml", "README.md", "LICENSE"}


def test_an_image_is_given_by_name_what_it_copies() -> None:
    sources = copied((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert set(sources) == {*PACKAGES, "constraints/farm.txt", "pyproject.toml", "README.md", "LICENSE"}


@pytest.mark.slow
def test_what_the_image_copies_is_enough_to_build_the_whole_project(tmp_path: Path) -> None:
    context, wheels = tmp_path / "context", tmp_path / "wheels"
    sources = copied((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    for path in in_the_context(tracked()):
        if any(path == source or path.startswith(f"{source}/") for source in sources):
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, context / path)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(context)),
        ],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    (wheel,) = wheels.iterdir()
    built = set(zipfile.ZipFile(wheel).namelist())
    assert {path for path in tracked() if path.split("/")[0] in PACKAGES} <= built


def test_files_with_secrets_are_not_taken_into_version_control() -> None:
    for name in (".env", ".env.local", "demo/.env", ".bench/secrets.json"):
        done = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=ROOT)
        assert done.returncode == 0, name


def locked(files: Iterable[Path]) -> dict[str, list[str]]:
    """Package name to the words of each of its entries: requirement, marker and hashes."""
    found: dict[str, list[str]] = {}
    for file in files:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name = re.match(r"[A-Za-z0-9._-]+", line)
                assert name is not None, line
                found.setdefault(canonicalize_name(name[0]), []).append(line)
    return found


@pytest.mark.parametrize("file", ALL_LOCKS, ids=lambda path: path.name)
def test_every_package_has_an_exact_version_and_hashes(file: Path) -> None:
    entries = [entry for each in locked([file]).values() for entry in each]
    assert entries
    for entry in entries:
        requirement, *hashes = entry.split(" --hash=sha256:")
        assert re.fullmatch(r"[\w.-]+==[\w.+!-]+( ; .*)?", requirement.strip()), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"[0-9a-f]{64}", each.strip()) for each in hashes), requirement
    assert "://" not in file.read_text(encoding="utf-8")


def test_no_package_is_locked_in_two_files() -> None:
    names = [name for file in LOCKS for name in locked([file])]
    assert len(names) == len(set(names))


def test_pytorch_is_of_one_version_with_cuda_and_without() -> None:
    (public,), (for_cpus,) = (
        locked([file])["torch"] for file in (ROOT / "constraints" / "torch.txt", TORCH_CPU)
    )
    assert for_cpus.split()[0] == f"{public.split()[0]}+cpu"


def test_the_locks_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    named = {
        "farm": [*project["project"]["dependencies"], *extras["farm"], *project["build-system"]["requires"]]
    }
    named |= {
        "train": [*named["farm"], *extras["train"]],
        "dev": [*named["farm"], *extras["train"], *project["dependency-groups"]["dev"]],
    }
    files = {"farm": LOCKS[:1], "train": LOCKS[:4], "dev": LOCKS}
    for extra, requirements in named.items():
        versions = locked(files[extra])
        for requirement in map(Requirement, requirements):
            (entry,) = versions[canonicalize_name(requirement.name)]
            version = re.match(r"[\w.-]+==([\w.+!-]+)", entry)
            assert version is not None
            assert requirement.specifier.contains(version[1], prereleases=True), requirement
    built_with = (ROOT / "constraints" / "build.in").read_text(encoding="utf-8").splitlines()[1:]
    assert built_with == project["build-system"]["requires"]


def test_everything_that_is_installed_here_for_the_project_is_locked() -> None:
    versions = locked(LOCKS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name in _needed("bench-farm", {"farm", "train"}, project["dependency-groups"]["dev"]):
        installed = metadata.version(name).partition("+")[0]
        assert [entry for entry in versions.get(name, ()) if f"=={installed} " in f"{entry} "], (
            f"{name} {installed} is not in constraints/: run `make lock`, then `make test`"
        )


def _needed(root: str, extras: set[str], group: list[str]) -> set[str]:
    """The packages that `root` with its extras and a dependency group need, and those that these need, as installed."""
    seen: set[tuple[str, frozenset[str]]] = set()
    tools = map(Requirement, group)
    wanted = [
        (root, frozenset(extras)),
        *((canonicalize_name(tool.name), frozenset(tool.extras)) for tool in tools),
    ]
    while wanted:
        name, chosen = wanted.pop()
        if (name, chosen) in seen:
            continue
        seen.add((name, chosen))
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*chosen, "")):
                wanted.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {name for name, _ in seen} - {root}


def test_nothing_is_installed_without_a_hash_but_the_project_itself(tmp_path: Path) -> None:
    targets = [f"{tmp_path}/venv/.dev", f"{tmp_path}/mini/.done", ".venv-lock/bin/uv", "dist"]
    made = subprocess.run(
        ["make", "-n", "-B", f"VENV={tmp_path}/venv", f"MINI={tmp_path}/mini", *targets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    ).stdout
    texts = [made, *((ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", ".ci/run"))]
    lines = [line for text in texts for line in text.splitlines() if "pip" in line and " install " in line]
    assert len(lines) >= 8
    for line in lines:
        from_source = re.search(r"--no-deps --no-build-isolation (--editable )?\.$", line)
        from_wheel = re.search(r"--no-deps --no-index dist/\*\.whl$", line)
        itself = from_source or from_wheel
        assert itself or ("--no-deps" in line and "--require-hashes" in line), line


def images() -> dict[str, str]:
    """Every image that compose and the Dockerfile start from, by where it is named."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    compose = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    named = {f"compose {name}": service["image"] for name, service in compose["services"].items()}
    named["compose build"] = compose["x-farm"]["build"]["args"]["PYTHON_IMAGE"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, re.MULTILINE))
    for number, base in enumerate(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)):
        named[f"Dockerfile {number}"] = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], base)
    return {where: image for where, image in named.items() if image != "bench-farm"}


def test_every_image_is_named_by_an_exact_release_or_by_digest() -> None:
    for where, image in images().items():
        by_digest = re.search(r"@sha256:[0-9a-f]{64}$", image)
        by_release = re.search(r":\d+\.\d+(\.\d+)?(-[\w.]+)*$", image)
        assert by_digest or by_release, f"{where}: {image}"
        # PostgreSQL's releases have two numbers, those of the others three.
        assert by_digest or "postgres" in image or re.search(r":\d+\.\d+\.\d+", image), f"{where}: {image}"
    found = images()
    assert found["Dockerfile 0"] == found["Dockerfile 1"] == found["compose build"]


def test_images_can_be_pinned_by_the_digests_that_a_registry_tells(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    digest = "sha256:" + "ab" * 32
    docker.write_text(f'#!/bin/sh\n[ "$1 $2" = "buildx imagetools" ] || exit 1\necho {digest}\n')
    docker.chmod(0o755)
    done = subprocess.run(
        ["make", "--silent", "image-digests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    found = images()
    assert done.stdout.splitlines() == [
        f"PYTHON_IMAGE={found['compose build']}@{digest}",
        f"POSTGRES_IMAGE={found['compose postgres']}@{digest}",
        f"REDIS_IMAGE={found['compose redis']}@{digest}",
    ]
