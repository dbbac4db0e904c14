"""Writes the lock files of this directory with `uv`: every package once, its version and all hashes. `make lock`.

One universal resolution serves every Python from 3.11 on and every platform. The packages are spread over files, so
that each installation takes the files that it needs: farm, then train, torch and (where PyTorch's build asks for
it) cuda, then dev. Versions that are locked stay, unless `--upgrade` is given. `torch-cpu.txt` is kept by hand.
"""

import re
import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
AGENTS = HERE.parent / "tests" / "agents" / "programs"
MINI = HERE.parent / "tests" / "stand_ins" / "mini-requirements"
NAMES = ("farm", "train", "torch", "cuda", "dev")
CUDA = ("cuda-", "nvidia-", "triton")
HEADER = "# Written by `make lock`: {what}.\n"
ABOUT = {
    "farm": "the farm, and what builds the project",
    "train": "what training needs beside farm.txt",
    "torch": "PyTorch as the public index has it",
    "cuda": "what PyTorch's builds with CUDA need beside train.txt, on Linux",
    "dev": "what tests and checks need beside farm.txt, train.txt and torch.txt",
    "uv": "the tool that writes these files",
}


def main(upgrade: bool) -> None:
    """Write every file; needs the package registry."""
    locked = {} if upgrade else _locked(HERE / f"{name}.txt" for name in NAMES)
    everything = _resolve(("farm", "train"), locked, group="dev")
    farm = _resolve(("farm",), everything).keys()
    training = _resolve(("farm", "train"), everything).keys()
    for name in NAMES:
        chosen = [each for each in everything if _file_of(each, farm, training) == name]
        _write(HERE / f"{name}.txt", ABOUT[name], "".join(everything[each] for each in sorted(chosen)))
    own = ["--constraint", str(HERE / "uv.txt")] if not upgrade else []
    _write(HERE / "uv.txt", ABOUT["uv"], _uv(HERE / "uv.in", *own))
    _write_own(MINI.with_suffix(".in"), "--no-deps")
    for path in sorted(AGENTS.glob("*.in")):
        _write_own(path)
    for path in sorted(AGENTS.glob("*/package.json")):
        _lock_npm(path.parent)


def _write_own(source: Path, *options: str) -> None:
    """Lock a file that stands apart from the farm; its comments are the header."""
    lines = source.read_text(encoding="utf-8").splitlines()
    what = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#")).rstrip(".")
    _write(source.with_suffix(".txt"), what, _uv(source, *options))


def _lock_npm(directory: Path) -> None:
    """Write package-lock.json from package.json, with hashes and without the address of a registry."""
    options = ["--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts"]
    subprocess.run(["npm", "install", *options, "--no-audit", "--no-fund"], cwd=directory, check=True)


def blocks(text: str) -> dict[str, str]:
    """Package name to its lines of a lock file: requirement and hashes, for each version that a marker selects."""
    found: dict[str, str] = {}
    for block in re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*\n", text, flags=re.MULTILINE):
        name = re.match(r"[A-Za-z0-9._-]+", block)
        assert name is not None
        found[name[0]] = found.get(name[0], "") + block
    return found


def _file_of(name: str, farm: Collection[str], training: Collection[str]) -> str:
    if name == "torch":
        return "torch"
    if name.startswith(CUDA):
        return "cuda"
    return "farm" if name in farm else "train" if name in training else "dev"


def _resolve(extras: tuple[str, ...], versions: dict[str, str], group: str | None = None) -> dict[str, str]:
    """The packages of some extras and of a dependency group, by name; versions named in `versions` are kept."""
    kept = HERE / ".kept.txt"
    kept.write_text("".join(versions.values()), encoding="utf-8")
    try:
        chosen = [word for extra in extras for word in ("--extra", extra)]
        if group is not None:
            chosen += ["--group", f"{PROJECT}:{group}"]
        text = _uv(PROJECT, str(HERE / "build.in"), *chosen, "--constraint", str(kept))
    finally:
        kept.unlink()
    return blocks(text)


def _uv(source: Path, *options: str) -> str:
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", str(source), *options]
    command += ["--quiet", "--no-config", "--no-header", "--no-annotate"]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


def _locked(files: Iterable[Path]) -> dict[str, str]:
    texts = [file.read_text(encoding="utf-8") for file in files if file.exists()]
    return {name: block for text in texts for name, block in blocks(text).items()}


def _write(path: Path, what: str, text: str) -> None:
    path.write_text(HEADER.format(what=what) + text, encoding="utf-8")


if __name__ == "__main__":
    main("--upgrade" in sys.argv[1:])
