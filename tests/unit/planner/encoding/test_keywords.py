"""Keywords say what an issue is about, the same ones each time."""

from planner.encoding.keywords import keywords


def test_keywords_are_frequent_first_then_alphabetical_without_stop_words() -> None:
    text = "The parser drops a token; the PARSER must not. Zebra apple, max_len is 10 or 100"
    assert keywords("Parser fails", text) == [
        "parser",
        "100",
        "apple",
        "drops",
        "fails",
        "max_len",
        "token",
        "zebra",
    ]


def test_keywords_are_at_most_sixteen_and_none_without_text() -> None:
    assert len(keywords(None, " ".join(f"word{number}" for number in range(40)))) == 16
    assert keywords(None, None) == []
