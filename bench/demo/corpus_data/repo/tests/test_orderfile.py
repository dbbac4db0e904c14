import pytest

from depot.orderfile import BadFile, OrderLine, parse_orders, split_rows, totals, write_rows

FILE = '''\
Order;SKU;Quantity;Note
o1;tee-120;2;gift
o1;mug-450;1;"fragile; ""do not drop"""

o2;tee-120;5;
END;3
'''


def test_split_rows():
    assert split_rows("a;b\nc;d\n") == [["a", "b"], ["c", "d"]]
    assert split_rows("a;b") == [["a", "b"]]
    assert split_rows("a|b\r\nc|d\r\n", "|") == [["a", "b"], ["c", "d"]]


def test_empty_fields_count_and_empty_rows_do_not():
    assert split_rows(";\n\n;a;\n") == [["", ""], ["", "a", ""]]
    assert split_rows("") == []
    assert split_rows('""\n') == [[""]]


def test_quoted_fields():
    assert split_rows('"a;b";c\n') == [["a;b", "c"]]
    assert split_rows('"say ""hi""";x\n') == [['say "hi"', "x"]]
    assert split_rows('3" pipe;x\n') == [['3" pipe', "x"]]


def test_line_breaks_inside_quotes():
    assert split_rows('a;"line one\nline two"\nb;c\n') == [["a", "line one\nline two"], ["b", "c"]]
    assert split_rows('"\n";""\n') == [["\n", ""]]


def test_open_quote_is_named():
    with pytest.raises(BadFile, match="row 2"):
        split_rows('a;b\n"c;d\n')


def test_parse_orders():
    assert parse_orders(FILE) == [
        OrderLine("o1", "TEE-120", 2, "gift"),
        OrderLine("o1", "MUG-450", 1, 'fragile; "do not drop"'),
        OrderLine("o2", "TEE-120", 5),
    ]


def test_columns_may_come_in_any_order():
    assert parse_orders("quantity;order;sku\n1;o9;a\nEND;1\n") == [OrderLine("o9", "A", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: the file is empty"),
        ("order;sku\n", "row 1: no column quantity"),
        ("order;sku;quantity\no1;a;2\n", "row 3: the trailer is missing"),
        ("order;sku;quantity\no1;a;2\nEND;2\n", "row 3: the trailer does not count 1 rows"),
        ("order;sku;quantity\no1;a;2\nEND\n", "row 3: the trailer does not count 1 rows"),
        ("order;sku;quantity\no1;a\nEND;1\n", "row 2: 2 fields, not 3"),
        ("order;sku;quantity\no1;a;0\nEND;1\n", "row 2: quantity '0'"),
        ("order;sku;quantity\no1;a;1\no1;a;-1\nEND;1\n", "row 3: quantity '-1'"),
    ],
)
def test_bad_files_name_the_row(text, message):
    with pytest.raises(BadFile) as caught:
        parse_orders(text)
    assert str(caught.value) == message


def test_rows_after_the_trailer_are_ignored():
    assert len(parse_orders(FILE + "rubbish\n")) == 3


@pytest.mark.parametrize("row", [["a", "b"], ["", "x"], ['say "hi"', "a;b"], ["two\nlines", ""], ["plain"]])
def test_written_rows_read_back(row):
    assert split_rows(write_rows([row, ["end"]])) == [row, ["end"]]


def test_plain_fields_are_not_quoted():
    assert write_rows([["a", "b;c"], ["1", '2"']]) == 'a;"b;c"\n1;"2"""\n'


def test_totals():
    lines = [
        OrderLine("o1", "B", 2),
        OrderLine("o1", "A", 1),
        OrderLine("o2", "C", 4),
        OrderLine("o3", "A", 1),
    ]
    assert list(totals(lines).items()) == [("C", 4), ("A", 2), ("B", 2)]
