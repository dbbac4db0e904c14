"""Who may look on while a policy is trained."""

from typing import NamedTuple, Protocol


class EpochRow(NamedTuple):
    """One line of the curves."""

    epoch: int
    learning_rate: float
    """After the epoch."""
    train_loss: float
    """Mean over the epoch, with dropout."""
    val_loss: float
    val_accuracy: float
    """Share of decisions that are the label; of an outcome model, of executions judged right."""


class TrainingObserver(Protocol):
    """Told how it goes; must not change it."""

    def read(self, count: int) -> None:
        """So many more examples are read and encoded."""
        ...

    def begin(self, examples: int, rows: list[EpochRow]) -> None:
        """Training begins, at most this many examples from its end; `rows` are epochs done earlier."""
        ...

    def examples(self, count: int) -> None:
        """So many more examples are learnt from."""
        ...

    def epoch(self, row: EpochRow, best: bool) -> None:
        """An epoch is over; `best` where its validation loss is the lowest so far."""
        ...


class NullObserver:
    """Looks on and says nothing."""

    def read(self, count: int) -> None:
        """Nothing."""

    def begin(self, examples: int, rows: list[EpochRow]) -> None:
        """Nothing."""

    def examples(self, count: int) -> None:
        """Nothing."""

    def epoch(self, row: EpochRow, best: bool) -> None:
        """Nothing."""
