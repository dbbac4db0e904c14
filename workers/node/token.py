"""Token of a machine: a secret that it generates once, and that authenticates it to the farm."""

from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from planner.system.atomic import write_atomic
from workers.errors import WorkerError

_NAME = "token"


def machine_token(run_dir: Path) -> UUID:
    """The token in `run_dir`, generated there at first use, readable by its owner alone.

    Raises `WorkerError` where it cannot be written, or where the file holds no token.
    """
    path = run_dir / _NAME
    try:
        if not path.exists():
            _make(path)
        return UUID(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise WorkerError(f"cannot keep the machine's token in {path}: {error.strerror or error}") from error
    except ValueError:
        raise WorkerError(
            f"{path} holds no token; delete it, and free this machine's name with: bench machines forget"
            f" {run_dir.name}"
        ) from None


def _make(path: Path) -> None:
    """Atomic write of a new token; the first of two writers wins."""
    with suppress(FileExistsError):
        write_atomic(path, f"{uuid4()}\n", mode=0o600, durable=True, replace=False)
