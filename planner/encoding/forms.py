"""Input forms of models: the index encoding of an input, identified in a bundle by its fingerprint."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple

from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUTS, EncodingLayout, layout_document
from planner.errors import PlannerError


class InputForm(NamedTuple):
    """An index encoding of planner_inputs."""

    name: str
    """`positions` of the encoding, or `tokens`."""
    size: int
    """Vocabulary size: every index is below it."""
    longest: int
    """Upper bound of the number of indices of one input."""
    document: Mapping[str, Any]
    """Content of `tokenizer_config.json`, including its `fingerprint`."""
    indices: Callable[[Mapping[str, Any]], Sequence[int]]


def input_form(name: Any, fingerprint: Any) -> InputForm:
    """Look up the form by name and fingerprint. Raises `PlannerError` where this version has no such form."""
    for form in known_forms(name):
        if form.document["fingerprint"] == fingerprint:
            return form
    raise PlannerError(
        f"made for another encoder: {name!r} with fingerprint {str(fingerprint)[:12]!r}; "
        "export it again with this version of the planner"
    )


def known_forms(name: Any) -> tuple[InputForm, ...]:
    """The forms of that name, the default one first."""
    made = _FORMS.get(name) if isinstance(name, str) else None
    return () if made is None else made()


@cache
def _position_forms() -> tuple[InputForm, ...]:
    return tuple(map(_positions, LAYOUTS.values()))


@cache
def _token_forms() -> tuple[InputForm, ...]:
    # Imported here: only sequence models need its tables.
    from planner.encoding.tokens import MAX_TOKENS, N_TOKENS, tokenize, tokens_document

    return (InputForm("tokens", N_TOKENS, MAX_TOKENS, tokens_document(), tokenize),)


_FORMS: Final = {"positions": _position_forms, "tokens": _token_forms}


def _positions(layout: EncodingLayout) -> InputForm:
    document = layout_document(layout)
    return InputForm("positions", layout.size, layout.max_positions, document, partial(_encoded, layout))


def _encoded(layout: EncodingLayout, planner_input: Mapping[str, Any]) -> list[int]:
    return encode(planner_input, layout).positions
