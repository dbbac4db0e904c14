"""Uncommitted changes of a local repository: its working tree against the commit that is checked out.

The repository's own configuration is not in force, for it may name programs (filters, a file system monitor): Git runs
with an empty repository's, on the index, the objects and the working tree of this one.
"""

import shutil
import tempfile
from pathlib import Path

from workers.addresses import is_local
from workers.repository.git import GitError, git, run_git
from workers.repository.mirror import address, object_format
from workers.repository.remote import remote_environment

_SECONDS = 30.0


def uncommitted_files(repo: str) -> int:
    """The number of files that differ from the checked-out commit, staged and untracked ones included.

    0 for a clean or bare repository, one on another machine, and one that cannot be read within half a minute.
    Ignored files and submodules do not count.
    """
    if not is_local(repo):
        return 0
    repository = Path(address(repo.removeprefix("file://")))
    try:
        with tempfile.TemporaryDirectory(prefix="bench-status-") as empty:
            return _count(repository, Path(empty))
    except (GitError, OSError):
        return 0


def _count(repository: Path, empty: Path) -> int:
    names = ("--show-toplevel", "--git-path", "index", "--git-path", "objects", "--git-path", "info/exclude")
    tree, *inside = git("rev-parse", *names, cwd=repository, seconds=_SECONDS).decode().splitlines()
    index, objects, exclude = (repository / path for path in inside)
    commit = git("rev-parse", "--verify", "HEAD^{commit}", cwd=repository, seconds=_SECONDS).decode().strip()
    git("init", "-q", f"--object-format={object_format(commit)}", str(empty))
    own = empty / ".git"
    (own / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    if exclude.is_file():
        (own / "info").mkdir(exist_ok=True)
        shutil.copyfile(exclude, own / "info" / "exclude")
    listed = git(
        *("-c", f"core.excludesFile={_account_ignores()}"),
        *("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all"),
        cwd=Path(tree),
        env={
            "GIT_DIR": str(own),
            "GIT_WORK_TREE": tree,
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(objects),
        },
        seconds=_SECONDS,
    )
    return listed.count(b"\0")


def _account_ignores() -> str:
    """The file of ignored names that the account has for all its repositories."""
    asked = ("config", "--global", "--type=path", "--get", "core.excludesFile")
    environment = remote_environment()
    try:
        return run_git(asked, environment, seconds=_SECONDS).decode().strip()
    except GitError:
        home = Path(environment.get("HOME", "/"))
        return str(Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "ignore")
