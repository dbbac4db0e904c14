"""Memoised values: computed once for each state, and bounded in number."""

from bench.ui.memo import StateMemo


def test_a_value_is_computed_once_for_each_state() -> None:
    memo, computed = StateMemo[str](5), list[str]()

    def compute() -> str:
        computed.append("x")
        return f"value {len(computed)}"

    assert [memo.value("b", state, compute) for state in (1, 1, 2, 2, 1)] == [
        *("value 1", "value 1", "value 2", "value 2", "value 3")
    ]


def test_the_oldest_key_is_dropped() -> None:
    memo = StateMemo[int](2)
    for number, key in enumerate("abc"):
        memo.put(key, 0, number)
    assert [memo.get(key, 0) for key in "abc"] == [None, 1, 2]
    assert memo.get("c", 1) is None
