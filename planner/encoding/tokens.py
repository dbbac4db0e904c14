"""Tokeniser: a planner_input as a token sequence with a closed vocabulary, for sequence policies.

`[BOS] universe [SEP] issue [SEP] system [SEP] run₁ [SEP] run₂ … [EOS]`, newest run first. A field is
`[KEY] [=] [VALUE] …`; a field without a value is omitted. Values, number classes and hash buckets are those of the
encoder with keywords (`planner.encoding.layout.LAYOUT_V2`): both forms carry the same information.
"""

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Any, Final, NamedTuple

from planner.canonical import sha256_json
from planner.encoding.encoder import encode
from planner.encoding.layout import HISTORY_SLOTS, LAYOUT_V2, NULL, Field

_SPECIAL: Final = ("[BOS]", "[SEP]", "[EOS]", "[=]")
BOS, SEP, EOS, EQUALS = range(len(_SPECIAL))
_FIXED_SECTIONS: Final = (("universe_defaults",), ("issue", "keywords"), ("system_state",))
"""Blocks of each section; the runs follow, one section each. The constant action space is omitted."""
_BUCKETS: Final = {
    "tags": "TAG_HASH",
    "keywords": "KW_HASH",
    "fail_codes": "FAIL_HASH",
    "gates_present": "GATE_HASH",
    "gates_passed": "GATE_HASH",
}


class _TokenPosition(NamedTuple):
    """Tokens of one position of the encoding."""

    section: int
    field: int
    """Index of the field among all fields."""
    key: str
    value: str
    bit: int = 0
    """For a code, the value of this bit in the bucket's number; otherwise 0."""


def tokenize(planner_input: Mapping[str, Any]) -> list[int]:
    """Token ids of a `cyntra.planner_input.v1` document; never raises for a valid one."""
    by_position, ids = _token_positions(), token_ids()
    positions = encode(planner_input, LAYOUT_V2).positions
    active = sorted(by_position[position] for position in positions if position in by_position)
    out = [BOS]
    section = 0
    for (next_section, _), group in groupby(active, key=lambda entry: (entry.section, entry.field)):
        out += [SEP] * (next_section - section)
        section = next_section
        field = list(group)
        out += (ids[field[0].key], EQUALS, *(ids[value] for value in _values(field)))
    return [*out, *[SEP] * (len(_FIXED_SECTIONS) - 1 - section), EOS]


def _values(field: list[_TokenPosition]) -> list[str]:
    bucket = sum(entry.bit for entry in field)
    return [f"TAG_HASH_{bucket}"] if bucket else [entry.value for entry in field]


@cache
def token_ids() -> dict[str, int]:
    """The vocabulary, name → id: special tokens, then keys, values and hash tokens in the order of the layout."""
    entries = _token_positions().values()
    keys = dict.fromkeys(entry.key for entry in entries)
    values = dict.fromkeys(entry.value for entry in entries if not entry.bit)
    return {name: number for number, name in enumerate((*_SPECIAL, *keys, *values))}


def tokens_document() -> dict[str, Any]:
    """The JSON form of the vocabulary with its fingerprint, as a bundle of a sequence policy holds it."""
    document = {"layout_version": LAYOUT_V2.version, "max_tokens": MAX_TOKENS, "tokens": list(token_ids())}
    return {**document, "fingerprint": sha256_json(document)}


@cache
def _token_positions() -> dict[int, _TokenPosition]:
    """Position → tokens, without the positions that the sequence omits."""
    by_position = {}
    for index, (path, start, field) in enumerate(LAYOUT_V2.placed()):
        section = _section(path)
        if section is not None and field.kind != "flag":
            for offset, label in enumerate(field.labels):
                by_position[start + offset] = _token_position(section, index, field, offset, label)
    return by_position


def _section(path: str) -> int | None:
    block = path.partition(".")[0]
    fixed = [number for number, blocks in enumerate(_FIXED_SECTIONS) if block in blocks]
    if fixed:
        return fixed[0]
    runs = [f"history[{slot}]" for slot in range(HISTORY_SLOTS)]
    return len(_FIXED_SECTIONS) + runs.index(block) if block in runs else None


def _token_position(section: int, field_index: int, field: Field, offset: int, label: str) -> _TokenPosition:
    bit = 1 << offset if field.kind == "code" and label != NULL else 0
    value = f"{_BUCKETS[field.name]}_{label.removeprefix('#')}" if field.kind == "buckets" else label
    return _TokenPosition(section, field_index, f"[{field.name}]", value, bit)


def _longest() -> int:
    """Maximum sequence length: tokens of a document with every field set."""
    fields = [
        field for path, _, field in LAYOUT_V2.placed() if _section(path) is not None and field.kind != "flag"
    ]
    values = sum(1 if field.kind == "code" else field.most for field in fields)
    return 2 * len(fields) + values + len(_FIXED_SECTIONS) + HISTORY_SLOTS + 1


N_TOKENS: Final = len(token_ids())
MAX_TOKENS: Final = _longest()
