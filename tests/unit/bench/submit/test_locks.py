"""What keeps submissions out of each other's way."""

from typing import Any

from db.repositories.plans import _upsert_queues


class _Connection:
    def __init__(self) -> None:
        self.locked: list[str] = []

    def execute(self, _statement: Any, values: dict[str, Any]) -> None:
        self.locked.append(values["queue"])


def test_classes_are_written_in_one_order_whatever_the_order_of_the_issues() -> None:
    connection: Any = _Connection()
    _upsert_queues(connection, {"repair": (), "claude": (), "codex": ()})
    assert connection.locked == ["claude", "codex", "repair"]
