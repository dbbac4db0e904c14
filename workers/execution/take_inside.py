"""Runs in the sandbox, as a script without site packages: stages a check-out and writes what changed.

`take_inside.py JSON`, where JSON is {checkout, out, base, max_bytes, max_files}; the environment names Git's
directory, index and objects. Writes into `out`: `raw` and `patch` (as `git diff` prints them), `pack` (the new
objects), or, where the change is too large, `refused` (a fail code and the largest paths, one a line).

Git runs on a stranger's files here and nowhere else. Nested repositories lose their `.git` before Git looks at
them: it would read their configuration, which can name programs.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

_PLAIN = (
    "--no-renames",
    "--no-abbrev",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
)
_CHUNK = 1 << 20
_NAMED = 5


class RefusedError(Exception):
    """The change is not taken; arguments: fail code and the paths to name."""


def make_plain(checkout: str) -> None:
    """Remove every nested repository's `.git`, and make everything readable."""
    os.chmod(checkout, 0o700)
    for folder, directories, files in os.walk(checkout):
        for name in [each for each in (*directories, *files) if each.lower() == ".git"]:
            if folder != checkout:
                _remove(os.path.join(folder, name))
        directories[:] = [name for name in directories if name.lower() != ".git"]
        for name in (*directories, *files):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                mode = os.lstat(path).st_mode
                if not os.path.islink(path):
                    os.chmod(path, mode | (0o700 if name in directories else 0o400))


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        os.chmod(path, 0o700)
        for folder, directories, _ in os.walk(path):
            for name in directories:
                with contextlib.suppress(OSError):
                    os.chmod(os.path.join(folder, name), 0o700, follow_symlinks=False)
        shutil.rmtree(path)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def changed_paths(limit: int) -> set[bytes]:
    """Paths that differ from the index or are not in it. Raises `RefusedError` above `limit`."""
    found: set[bytes] = set()
    # A path that is gone is listed as modified, too.
    for path in _names(["ls-files", "--modified", "--deleted", "--others", "--exclude-standard", "-z"]):
        found.add(path)
        if len(found) > limit:
            raise RefusedError("patch_too_large", _crowded(found))
    return found


def _crowded(paths: set[bytes]) -> list[bytes]:
    """The directories at the top that hold most of the paths."""
    counts: dict[bytes, int] = {}
    for path in paths:
        top = path.split(b"/")[0]
        counts[top] = counts.get(top, 0) + 1
    return sorted(counts, key=lambda top: (-counts[top], top))[:_NAMED]


def _names(arguments: list[str]) -> Iterator[bytes]:
    with subprocess.Popen(["git", *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        rest = b""
        while chunk := process.stdout.read(_CHUNK):
            *names, rest = (rest + chunk).split(b"\0")
            yield from names
    if process.returncode != 0:
        raise OSError(f"git {arguments[0]} ended with {process.returncode}")


def check_sizes(checkout: str, paths: set[bytes], limit: int) -> None:
    """Raises `RefusedError` where the changed files are larger than `limit` bytes together."""
    sizes: dict[bytes, int] = {}
    for path in paths:
        with contextlib.suppress(OSError):
            sizes[path] = os.lstat(os.path.join(os.fsencode(checkout), path)).st_size
    if sum(sizes.values()) > limit:
        raise RefusedError("patch_too_large", sorted(sizes, key=lambda path: -sizes[path])[:_NAMED])


def _git(*arguments: str, given: bytes | None = None, to: str = "", limit: int = sys.maxsize) -> None:
    """Run Git, its output written to the file `to`. Raises `RefusedError` where that gets longer than `limit`."""
    with (
        open(to or os.devnull, "wb") as file,
        subprocess.Popen(["git", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given or b"")
        process.stdin.close()
        while chunk := process.stdout.read(_CHUNK):
            limit -= len(chunk)
            if limit < 0:
                process.kill()
                raise RefusedError("patch_too_large", [])
            file.write(chunk)
    if process.returncode != 0:
        raise OSError(f"git {arguments[0]} ended with {process.returncode}")


def new_objects(raw: bytes) -> bytes:
    """The new object ids in `git diff --raw -z` output, one a line."""
    heads = raw.split(b"\0")[0:-1:2]
    ids = {head.split(b" ")[3] for head in heads}
    # All zeros, as many as the repository's ids are long, stand for none.
    return b"".join(each + b"\n" for each in sorted(ids) if each.strip(b"0"))


def take(order: dict[str, str], max_bytes: int, max_files: int) -> None:
    """Stage everything and write what changed."""
    out, base = order["out"], order["base"]
    make_plain(order["checkout"])
    check_sizes(order["checkout"], changed_paths(max_files), max_bytes)
    _git("add", "--all", "--", ".")
    _git("diff", "--cached", "--raw", "-z", *_PLAIN, base, to=f"{out}/raw")
    # Removed text counts, too, and binary text is longer than what it stands for.
    _git(
        "diff",
        "--cached",
        "--patch",
        "--binary",
        *_PLAIN,
        base,
        to=f"{out}/patch",
        limit=2 * max_bytes + 65536,
    )
    with open(f"{out}/raw", "rb") as file:
        given = new_objects(file.read())
    if given:
        _git("pack-objects", "--quiet", "--stdout", "--window=0", given=given, to=f"{out}/pack")


def main(order: dict[str, object]) -> int:
    """Take the patch in the working directory."""
    texts = {name: str(order[name]) for name in ("checkout", "out", "base")}
    try:
        take(texts, int(str(order["max_bytes"])), int(str(order["max_files"])))
    except RefusedError as error:
        code, paths = error.args
        with open(f"{texts['out']}/refused", "wb") as file:
            file.write(b"\n".join([code.encode(), *(path.replace(b"\n", b"?") for path in paths)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
