"""Observer of a training run: the callback interface and its curve rows."""

from typing import NamedTuple, Protocol


class EpochRow(NamedTuple):
    """One row of the learning curve."""

    epoch: int
    learning_rate: float
    """Learning rate after the epoch."""
    train_loss: float
    """Mean over the epoch, with dropout."""
    val_loss: float
    val_accuracy: float
    """Validation accuracy; for an outcome model, of predicted passes."""


class TrainingObserver(Protocol):
    """Callbacks of a training run; they must not change its state."""

    def read(self, count: int) -> None:
        """`count` more examples were read and encoded."""
        ...

    def begin(self, examples: int, rows: list[EpochRow]) -> None:
        """Training starts with at most `examples` left; `rows` are the epochs before a resume."""
        ...

    def examples(self, count: int) -> None:
        """`count` more examples were trained on."""
        ...

    def epoch(self, row: EpochRow, best: bool) -> None:
        """An epoch ended; `best` if its validation loss is the lowest so far."""
        ...


class NullObserver:
    """Observer that does nothing."""

    def read(self, count: int) -> None:
        """Nothing."""

    def begin(self, examples: int, rows: list[EpochRow]) -> None:
        """Nothing."""

    def examples(self, count: int) -> None:
        """Nothing."""

    def epoch(self, row: EpochRow, best: bool) -> None:
        """Nothing."""
