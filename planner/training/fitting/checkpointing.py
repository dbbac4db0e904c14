"""Checkpointing: the complete training state after an epoch, in one file, for resuming after a kill."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from planner.errors import PlannerError
from planner.system.atomic import remove_drafts
from planner.training.checkpoint import load
from planner.training.checkpoint import save as save_file
from planner.training.fitting.loop import TrainingState
from planner.training.model_directory import FILES

RESUME: Final = "resume.pt"


class Checkpointer:
    """Reads and writes the checkpoint of one training run.

    `identity` has everything that determines the result; a checkpoint with another identity is refused.
    """

    def __init__(self, directory: Path, identity: Mapping[str, str], every_seconds: float) -> None:
        self._directory, self._path = directory, directory / RESUME
        self._identity, self._every = dict(identity), every_seconds
        self._saved_at = time.monotonic()

    def restore(self, state: TrainingState) -> None:
        """Restore `state` from the checkpoint, if there is one. Raises `PlannerError` where its identity differs."""
        if not self._path.exists():
            return
        checkpoint = load(self._path)
        changed = [
            name for name, value in self._identity.items() if checkpoint["identity"].get(name) != value
        ]
        if changed:
            raise PlannerError(
                f"{self._directory} was started with another {' and another '.join(changed)}; "
                "resume with the same, or remove it to start again"
            )
        state.restore(checkpoint["state"])

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint, at most one every `every_seconds`."""
        if time.monotonic() - self._saved_at >= self._every:
            save_file({"identity": self._identity, "state": state.document()}, self._path)
            self._saved_at = time.monotonic()

    def discard(self) -> None:
        """Delete the checkpoint, at the end of training."""
        self._path.unlink(missing_ok=True)

    def clean_up(self) -> None:
        """Remove everything but the checkpoint; without one, the directory too."""
        for name in FILES:
            (self._directory / name).unlink(missing_ok=True)
        for name in (*FILES, RESUME):
            remove_drafts(self._directory / name)
        if self._directory.exists() and not any(self._directory.iterdir()):
            self._directory.rmdir()
