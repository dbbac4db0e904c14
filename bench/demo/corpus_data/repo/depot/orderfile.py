"""Order files from shops: delimited text, one order line a row, a trailer that counts them."""

from dataclasses import dataclass


class BadFile(Exception):
    """The file cannot be read; the message names the row."""


@dataclass(frozen=True)
class OrderLine:
    """One row of an order file."""

    order: str
    sku: str
    quantity: int
    note: str = ""


def split_rows(text: str, delimiter: str = ";") -> list[list[str]]:
    """Rows of fields. A quoted field may hold delimiters, line breaks and doubled quotes; empty rows are skipped."""
    rows: list[list[str]] = []
    row: list[str] = []
    current = ""
    quoted = False
    touched = False
    index = 0
    while index < len(text):
        char = text[index]
        following = text[index + 1 : index + 2]
        if quoted:
            if char == '"' and following == '"':
                current += char
                index += 1
            elif char == '"':
                quoted = False
            else:
                current += char
        elif char == '"' and current == "":
            quoted = True
            touched = True
        elif char == delimiter:
            row.append(current)
            current = ""
            touched = True
        elif char == "\n":
            if touched or current:
                row.append(current)
                rows.append(row)
            row = []
            current = ""
            touched = False
        elif char != "\r":
            current += char
        index += 1
    if quoted:
        raise BadFile(f"row {len(rows) + 1}: quote never closed")
    if touched or current:
        row.append(current)
        rows.append(row)
    return rows


def parse_orders(text: str) -> list[OrderLine]:
    """Order lines of a file: a header, rows in the header's order of columns, ``END;<rows>`` at the end."""
    rows = split_rows(text)
    if not rows:
        raise BadFile("row 1: the file is empty")
    header = [name.strip().lower() for name in rows[0]]
    for name in ("order", "sku", "quantity"):
        if name not in header:
            raise BadFile(f"row 1: no column {name}")
    lines = []
    for number, row in enumerate(rows[1:], start=2):
        if row[0] == "END":
            if len(row) < 2 or row[1] != str(len(lines)):
                raise BadFile(f"row {number}: the trailer does not count {len(lines)} rows")
            return lines
        if len(row) != len(header):
            raise BadFile(f"row {number}: {len(row)} fields, not {len(header)}")
        fields = dict(zip(header, row))
        if not fields["quantity"].isdigit() or int(fields["quantity"]) == 0:
            raise BadFile(f"row {number}: quantity {fields['quantity']!r}")
        lines.append(
            OrderLine(fields["order"], fields["sku"].upper(), int(fields["quantity"]), fields.get("note", ""))
        )
    raise BadFile(f"row {len(rows) + 1}: the trailer is missing")


def write_rows(rows: list[list[str]], delimiter: str = ";") -> str:
    """Rows as text that ``split_rows`` reads back."""
    text = ""
    for row in rows:
        fields = []
        for field in row:
            if delimiter in field or '"' in field or "\n" in field or field == "":
                field = '"' + field.replace('"', '""') + '"'
            fields.append(field)
        text += delimiter.join(fields) + "\n"
    return text


def totals(lines: list[OrderLine]) -> dict[str, int]:
    """Pieces by article, most first, then by name."""
    pieces: dict[str, int] = {}
    for line in lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    return dict(sorted(pieces.items(), key=lambda pair: (-pair[1], pair[0])))
