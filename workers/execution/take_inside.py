"""Runs in the sandbox, as a script without site packages: stages a check-out and writes what changed.

`take_inside.py JSON`, where JSON is {checkout, out, base, max_bytes, max_files, max_text}; the environment names Git's
directory, index and objects. `out` holds the ignore rules of the base commit (`ignored`); written there are `raw` and
`patch` (as `git diff` prints them), `pack` (the new objects), `left_out` (JSON: what the rules, or being an
environment or a cache, keep out of the patch), or, where the change is too large, `refused` (JSON).

Git runs on untrusted files here and nowhere else. The `.git` of nested repositories is removed before Git reads
them: their configuration can name programs.
"""

import contextlib
import json
import os
import re
import shutil
import stat
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
_NAMED_LEFT_OUT = 10
_ENVIRONMENTS = {
    *(".venv", ".tox", ".nox", ".eggs", "node_modules", "bower_components", ".pnpm-store", "__pycache__"),
    *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints", ".coverage"),
}
"""Names of environments and caches, whatever is in them."""
_MARKS = ("pyvenv.cfg", "conda-meta")
"""Files that mark a directory of any name as an environment."""


class RefusedError(Exception):
    """The change is too large; arguments: its size, and the largest parts as pairs of size and path."""


def is_made(path: str, name: str) -> bool:
    """Whether a file or directory that the base commit lacks is an environment or a cache."""
    if name in _ENVIRONMENTS or name.startswith(".aider"):
        return True
    if not os.path.isdir(path):
        return False
    if name.endswith(".egg-info"):
        return not _offers_plugin(os.path.join(path, "entry_points.txt"))
    return any(os.path.lexists(os.path.join(path, mark)) for mark in _MARKS)


def _offers_plugin(path: str) -> bool:
    """Whether metadata names plugins of pytest: such files stay in the patch."""
    if os.path.islink(path) or not os.path.isfile(path):
        return os.path.lexists(path)
    with open(path, "rb") as file:
        return b"pytest" in file.read(1 << 20)


def make_plain(checkout: str, tracked: set[bytes]) -> list[bytes]:
    """Remove every nested repository's `.git`, and make everything readable, save environments and caches, which are
    returned: those that hold nothing `tracked`."""
    made = []
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
            relative = os.fsencode(os.path.relpath(path, checkout))
            if relative not in tracked and is_made(path, name):
                made.append(relative)
                directories[:] = [each for each in directories if each != name]
    return made


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


def changed_paths(rules: str, limit: int) -> set[bytes]:
    """Paths that differ from the index, or are neither in it nor ignored by `rules`. Raises `RefusedError` above
    `limit`."""
    paths: set[bytes] = set()
    # A deleted path is listed as modified, too.
    for asked in (["--modified", "--deleted"], ["--others", f"--exclude-from={rules}"]):
        for path in _names(["ls-files", *asked, "-z"]):
            paths.add(path)
            if len(paths) > limit:
                raise RefusedError(f"more than {limit} changed files", _crowded(paths))
    return paths


def _crowded(paths: set[bytes]) -> list[tuple[str, bytes]]:
    """The directories at the top that hold most of the paths."""
    counts: dict[bytes, int] = {}
    for path in paths:
        top = path.split(b"/")[0]
        counts[top] = counts.get(top, 0) + 1
    largest = sorted(counts, key=lambda top: (-counts[top], top))[:_NAMED]
    return [(f"{counts[top]} files", top) for top in largest]


def tracked_names() -> set[bytes]:
    """Every file of the base commit, and every directory above one."""
    names: set[bytes] = set()
    for path in _names(["ls-files", "-z"]):
        while path and path not in names:
            names.add(path)
            path = os.path.dirname(path)
    return names


def with_made(out: str, made: list[bytes]) -> str:
    """The file of all ignore rules: the base commit's, and one for each of what was made."""
    rules = f"{out}/ignored"
    with open(rules, "ab") as file:
        for path in made:
            file.write(b"/" + re.sub(rb"([\\*?\[\] ])", rb"\\\1", path) + b"\n")
    return rules


def left_out(checkout: str, rules: str) -> dict[str, object]:
    """Files of the check-out that the rules keep out of the patch: count, bytes, and names of the largest parts."""
    sizes: dict[str, tuple[int, int]] = {}
    listed = ["ls-files", "--others", "--ignored", "--directory", f"--exclude-from={rules}", "-z"]
    for path in _names(listed):
        text = path.decode("utf-8", "replace")
        # One name for all of a kind that lies in many directories.
        name = "**/__pycache__/" if text.endswith("__pycache__/") else text
        files, size = _size_of(os.path.join(os.fsencode(checkout), path))
        before = sizes.get(name, (0, 0))
        sizes[name] = (before[0] + files, before[1] + size)
    largest = sorted(sizes, key=lambda name: (-sizes[name][1], name))[:_NAMED_LEFT_OUT]
    files, size = (sum(each[part] for each in sizes.values()) for part in (0, 1))
    return {"files": files, "bytes": size, "names": largest}


def _size_of(path: bytes) -> tuple[int, int]:
    """Files and bytes of a file, or of everything below a directory."""
    walked = os.walk(path) if not os.path.islink(path) else ()
    below = [os.path.join(folder, name) for folder, _, names in walked for name in names]
    files = below if path.endswith(b"/") else [path]
    total = 0
    for each in files:
        with contextlib.suppress(OSError):
            total += os.lstat(each).st_size
    return len(files), total


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
        raise RefusedError(f"{in_mb(sum(sizes.values()))} of changed files", _largest(sizes))


def _largest(sizes: dict[bytes, int]) -> list[tuple[str, bytes]]:
    largest = sorted(sizes, key=lambda path: (-sizes[path], path))[:_NAMED]
    return [(in_mb(sizes[path]), path) for path in largest]


def in_mb(size: int) -> str:
    """A size in readable units."""
    return f"{size / 1e6:.1f} MB" if size >= 50_000 else f"{size / 1e3:.1f} kB"


def _git(*arguments: str, given: bytes | None = None, to: str = "", limit: int = sys.maxsize) -> bool:
    """Run Git, its output written to the file `to`; False where that gets longer than `limit`."""
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
                return False
            file.write(chunk)
    if process.returncode != 0:
        raise OSError(f"git {arguments[0]} ended with {process.returncode}")
    return True


def replaced_sizes(base: str, paths: set[bytes]) -> dict[bytes, int]:
    """By path that the base commit has, too: the bytes it has there."""
    entries = (entry.partition(b"\t") for entry in _names(["ls-tree", "-r", "-l", "-z", base]))
    return {path: int(head.split()[3]) for head, _, path in entries if path in paths}


def new_objects(raw: bytes) -> bytes:
    """The new object ids in `git diff --raw -z` output, one a line."""
    heads = raw.split(b"\0")[0:-1:2]
    ids = {head.split(b" ")[3] for head in heads}
    # An id of zeros alone means that there is no object.
    return b"".join(each + b"\n" for each in sorted(ids) if each.strip(b"0"))


def stage(checkout: str, paths: set[bytes]) -> None:
    """Update the index; without `git add`, which reads the candidate's ignore files."""
    deleted = {path for path in paths if not _is_there(os.fsencode(checkout), path)}
    for options, part in ((["--force-remove"], deleted), (["--add", "--replace"], paths - deleted)):
        named = b"".join(path + b"\0" for path in sorted(part))
        _git("update-index", *options, "-z", "--stdin", given=named)


def _is_there(checkout: bytes, path: bytes) -> bool:
    """Whether a file or link lies at a path, and not beyond a link."""
    above = os.path.dirname(path)
    while above:
        if os.path.islink(os.path.join(checkout, above)):
            return False
        above = os.path.dirname(above)
    try:
        mode = os.lstat(os.path.join(checkout, path)).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def take(order: dict[str, str], max_bytes: int, max_files: int, max_text: int) -> None:
    """Stage everything and write what changed."""
    checkout, out, base = order["checkout"], order["out"], order["base"]
    rules = with_made(out, make_plain(checkout, tracked_names()))
    with open(f"{out}/left_out", "w") as file:
        json.dump(left_out(checkout, rules), file)
    paths = changed_paths(rules, max_files)
    check_sizes(checkout, paths, max_bytes)
    stage(checkout, paths)
    _git("diff", "--cached", "--raw", "-z", *_PLAIN, base, to=f"{out}/raw")
    with open(f"{out}/raw", "rb") as file:
        raw = file.read()
    # Removed text counts, too, and encoded binary text is longer than its file.
    patch = ("diff", "--cached", "--patch", "--binary", *_PLAIN, base)
    if not _git(*patch, to=f"{out}/patch", limit=max_text):
        sizes = replaced_sizes(base, paths)
        raise RefusedError(f"{in_mb(sum(sizes.values()))} of removed or replaced text", _largest(sizes))
    if given := new_objects(raw):
        _git("pack-objects", "--quiet", "--stdout", "--window=0", given=given, to=f"{out}/pack")


def main(order: dict[str, object]) -> int:
    """Take the patch in the working directory."""
    texts = {name: str(order[name]) for name in ("checkout", "out", "base")}
    try:
        take(texts, *(int(str(order[name])) for name in ("max_bytes", "max_files", "max_text")))
    except RefusedError as error:
        what, largest = error.args
        named = [[size, path.decode("utf-8", "replace")] for size, path in largest]
        with open(f"{texts['out']}/refused", "w") as file:
            json.dump({"what": what, "largest": named}, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
