import pytest

from depot.text import closest, edits, initials, shorten, slug, wrap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Green Tea, 100 g", "green-tea-100-g"),
        ("  Crème brûlée!  ", "creme-brulee"),
        ("--", ""),
        ("a_b__c", "a-b-c"),
    ],
)
def test_slug(text, expected):
    assert slug(text) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(14, "green-tea-bags"), (13, "green-tea"), (9, "green-tea"), (8, "green"), (3, "gre")],
)
def test_long_slugs_are_cut_at_a_hyphen(limit, expected):
    assert slug("Green tea bags", limit) == expected


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (11, ["green tea", "from Assam"]),
        (10, ["green tea", "from Assam"]),
        (9, ["green tea", "from", "Assam"]),
        (20, ["green tea from Assam"]),
        (19, ["green tea from", "Assam"]),
    ],
)
def test_wrap(width, lines):
    assert wrap("green  tea from Assam", width) == lines


def test_wrap_breaks_words_that_are_too_long():
    assert wrap("an Unbedenklichkeit note", 6) == ["an", "Unbede", "nklich", "keit", "note"]
    assert wrap("abcdef gh", 3) == ["abc", "def", "gh"]
    assert wrap("", 5) == []


@pytest.mark.parametrize(
    ("limit", "expected"), [(9, "green tea"), (8, "green t…"), (7, "green…"), (6, "green…"), (2, "g…")]
)
def test_shorten(limit, expected):
    assert shorten("green tea", limit) == expected


def test_shorten_with_another_mark():
    assert shorten("green tea", 8, "...") == "green..."


@pytest.mark.parametrize(
    ("left", "right", "count"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
        ("tea", "tea", 0),
        ("tea", "team", 1),
        ("steam", "tea", 2),
        ("abc", "", 3),
    ],
)
def test_edits(left, right, count):
    assert edits(left, right) == count


@pytest.mark.parametrize(
    ("left", "right", "count"), [("tae", "tea", 1), ("oslo", "olso", 1), ("abcd", "badc", 2)]
)
def test_swapped_neighbours_are_one_edit(left, right, count):
    assert edits(left, right) == count


def test_closest_choice():
    towns = ["Bergen", "Oslo", "Tromso"]
    assert closest("olso", towns) == "Oslo"
    assert closest("brgen", towns) == "Bergen"
    assert closest("Paris", towns) is None
    assert closest("Oslo", []) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("anna-maria van Dyck", "AMD"), ("House of Tea", "HT"), ("a b c d", "ABC"), ("", "")],
)
def test_initials(name, expected):
    assert initials(name) == expected
