"""Container images of this machine: pulled once under a lock, identified by digest, and probed for their Python."""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from planner.system.atomic import write_atomic
from workers.containers.engine import Engine, host_variables, last_line
from workers.control import Control
from workers.errors import WorkerError
from workers.halt import StoppedError
from workers.repository.mirror import locked
from workers.sandbox.program import ImagePrograms
from workers.untrusted import mapping, parse_json, read_bytes, sequence

PULL_SECONDS: Final = 1800.0
_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROBE: Final = "import sys, json; print(json.dumps([sys.executable, *sys.version_info[:2]]))"
_VERSION: Final = 1
"""Of the kept findings; those of another version are made anew."""


class ImageError(WorkerError):
    """An image cannot be used on this machine; the message names it, the reason and the remedy."""


@dataclass(frozen=True)
class Image:
    """An image on this machine."""

    name: str
    """As the config names it, without a digest."""
    digest: str
    """Of its manifest where the engine knows one, else of its configuration: `sha256:…`."""
    image_id: str
    """What containers are made of: the engine's own name of exactly this image."""
    programs: ImagePrograms

    def document(self) -> dict[str, str]:
        """For results and archives."""
        return {"name": self.name, "digest": self.digest}


def ensure_image(engine: Engine, reference: str, directory: Path, control: Control | None = None) -> Image:
    """The image of that reference, pulled where this machine lacks it, and probed where it is new.

    Args:
        reference: `name:tag`, which is what that means on this machine, or `name:tag@sha256:…`.
        directory: keeps the locks, and what was found out about images.

    Raises: `ImageError`; `StoppedError` where `control` ends a pull.
    """
    name, _, digest = reference.partition("@")
    with locked(directory / f"{sha256(name.encode()).hexdigest()[:24]}.lock", control):
        known = _inspected(engine, name)
        if known is None or (digest and digest not in _digests(known)):
            wanted = _at_digest(name, digest) if digest else name
            known = _inspected(engine, wanted) or _pulled(engine, wanted, control)
        chosen = digest or _digests(known)[0]
        return Image(name, chosen, _id_of(known), _programs(engine, known, directory))


def _inspected(engine: Engine, name: str) -> dict[str, Any] | None:
    """What the engine knows about an image; None where it has none of that name."""
    try:
        done = engine.ask("image", "inspect", name)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"image {name}: {engine.program} gives no answer: {error}") from None
    images = sequence(parse_json(done.stdout)) if done.returncode == 0 else []
    return mapping(images[0]) if images else None


def _pulled(engine: Engine, name: str, control: Control | None) -> dict[str, Any]:
    words = _pull(engine, name, control)
    if words is not None:
        raise ImageError(
            f"image {name} is not on this machine and cannot be pulled: {words}; correct workcell.image, "
            f"or make it here (`{Path(engine.program).name} build`, `import` or `pull`)"
        )
    known = _inspected(engine, name)
    if known is None:
        raise ImageError(f"image {name} was pulled and is not on this machine; pull it again")
    return known


def _pull(engine: Engine, name: str, control: Control | None) -> str | None:
    """Pull an image; why that failed, in one line, or None."""
    end = time.monotonic() + PULL_SECONDS
    command = engine.command("pull", "--quiet", name)
    with subprocess.Popen(
        command,
        env=host_variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as pulling:
        while True:
            try:
                _, words = pulling.communicate(timeout=0.5)
                return last_line(words) if pulling.returncode else None
            except subprocess.TimeoutExpired:
                is_stopped = control is not None and control.reason is not None
                if is_stopped or time.monotonic() > end:
                    pulling.kill()
                if control is not None and control.reason is not None:
                    raise StoppedError(control.reason.value) from None


def _digests(known: dict[str, Any]) -> list[str]:
    """Every digest by which the engine knows an image, the most telling first."""
    manifests = [str(each).rpartition("@")[2] for each in sequence(known.get("RepoDigests"))]
    named = [str(known["Digest"])] if known.get("Digest") else []
    return list(dict.fromkeys([*named, *manifests, _id_of(known)]))


def _id_of(known: dict[str, Any]) -> str:
    identity = str(known.get("Id"))
    return identity if ":" in identity else f"sha256:{identity}"


def _at_digest(name: str, digest: str) -> str:
    """The reference of one image: repository and digest, without the tag."""
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{digest}"


def _programs(engine: Engine, known: dict[str, Any], directory: Path) -> ImagePrograms:
    """The image's PATH and Python; found out once and kept by the image's id."""
    kept = directory / f"{_id_of(known).removeprefix('sha256:')[:64]}.json"
    if (text := read_bytes(kept)) is not None:
        document = mapping(parse_json(text))
        if document.pop("kept", None) == _VERSION:
            return ImagePrograms(**document)
    programs = _probed(engine, _id_of(known), _path_of(known))
    write_atomic(kept, json.dumps({**asdict(programs), "kept": _VERSION}).encode())
    return programs


def _path_of(known: dict[str, Any]) -> str:
    variables = [str(each) for each in sequence(mapping(known.get("Config")).get("Env"))]
    paths = [each.removeprefix("PATH=") for each in variables if each.startswith("PATH=")]
    return paths[-1] if paths else _DEFAULT_PATH


def _probed(engine: Engine, image_id: str, path: str) -> ImagePrograms:
    options = [*engine.isolation(), *engine.bounds(1 << 29, None, None), "--env", f"PATH={path}"]
    try:
        for name in ("python3", "python"):
            done = engine.ask("run", *options, image_id, name, "-I", "-S", "-c", _PROBE)
            if done.returncode == 0:
                python, major, minor = _version(sequence(parse_json(done.stdout)))
                return ImagePrograms(path, python, major, minor)
            if done.returncode not in (126, 127):
                raise ImageError(f"image {image_id}: no program of it can run: {last_line(done.stderr)}")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"image {image_id}: {engine.program} gives no answer: {error}") from None
    return ImagePrograms(path)


def _version(answer: Sequence[Any]) -> tuple[str, int, int]:
    try:
        python, major, minor = answer
        return str(python), int(major), int(minor)
    except ValueError:
        return "", 0, 0


def images_directory(work_dir: Path) -> Path:
    """Where a work directory keeps what was found out about images."""
    return work_dir / "images"


def has_images(work_dir: Path) -> bool:
    """Whether containers were ever used from this work directory."""
    return os.path.isdir(images_directory(work_dir))  # noqa: PTH112 — asked often
