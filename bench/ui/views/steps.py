"""Conversation as a page shows it: steps with their texts, tool calls, tokens and dollars, bounded by a page's size."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from markupsafe import escape

from bench.inspection.conversation_show import arguments_text, steps_of
from bench.results.conversations import text_of
from planner.system.foreign_text import visible_line, visible_text
from workers.untrusted import count, dollars, mapping, micro, sequence

Json = dict[str, Any]
PAGE_CHARACTERS: Final = 64_000
_BLOCK_CHARACTERS: Final = 6_000
_STEP_CHARACTERS: Final = 600
"""Of the markup around a step."""
_PREVIEW_CHARACTERS: Final = 120


class StepBlock(NamedTuple):
    """One text of a step."""

    kind: Literal["reasoning", "message", "call", "result"]
    title: str
    """The tool of a call; else empty."""
    text: str
    left_out: int
    """Characters that are not shown."""


class StepView(NamedTuple):
    """One step; `number` is its position in the whole conversation, from 0."""

    number: int
    source: str
    agent: str
    at: str
    tokens_in: int | None
    tokens_out: int | None
    micro_usd: int | None
    tools: tuple[str, ...]
    preview: str
    blocks: tuple[StepBlock, ...]


class StepPage(NamedTuple):
    """Steps in their order, as many as fit; the totals are of the whole conversation, None where nothing is known."""

    steps: tuple[StepView, ...]
    total: int
    next_step: int | None
    tokens_in: int | None
    tokens_out: int | None
    micro_usd: int | None


def step_page(conversation: Json, start: int = 0, most_characters: int = PAGE_CHARACTERS) -> StepPage:
    """The steps of a conversation from number `start`; longer texts are cut."""
    every = list(steps_of(conversation))
    steps: list[StepView] = []
    room = most_characters
    for number in range(start, len(every)):
        view = _view(number, *every[number], _BLOCK_CHARACTERS)
        room -= _size(view)
        if steps and room < 0:
            break
        steps.append(view)
    last = start + len(steps)
    facts = [_facts(step) for _, step in every]
    return StepPage(
        tuple(steps), len(every), last if last < len(every) else None, *map(_sum, zip(*facts, strict=True))
    ) if facts else StepPage((), 0, None, None, None, None)  # fmt: skip


def whole_step(conversation: Json, number: int, most_characters: int = PAGE_CHARACTERS) -> StepView | None:
    """One step with its texts as long as a page can hold; None where there is none of this number."""
    every = list(steps_of(conversation))
    if not 0 <= number < len(every):
        return None
    view = _view(number, *every[number], most_characters)
    room = most_characters
    blocks = []
    for block in view.blocks:
        cut = _fitting(block.text, room)
        room -= len(_markup(cut))
        blocks.append(block._replace(text=cut, left_out=block.left_out + len(block.text) - len(cut)))
    return view._replace(blocks=tuple(blocks))


def _view(number: int, agent: str, step: Json, most: int) -> StepView:
    blocks = tuple(_blocks(step, most))
    words = next((block.text for block in blocks if block.kind != "result" and block.text.strip()), "")
    return StepView(
        number,
        visible_line(text_of(step.get("source")))[:40],
        visible_line(agent)[:80],
        text_of(step.get("timestamp"))[:40],
        *_facts(step),
        tuple(block.title for block in blocks if block.kind == "call")[:8],
        visible_line(" ".join(words[: 4 * _PREVIEW_CHARACTERS].split())[:_PREVIEW_CHARACTERS]),
        blocks,
    )


def _facts(step: Json) -> tuple[int | None, int | None, int | None]:
    """Tokens in, tokens out, micro-dollars; an implausible value is missing."""
    metrics = mapping(step.get("metrics"))
    usd = micro(dollars(metrics.get("cost_usd")))
    return count(metrics.get("prompt_tokens")), count(metrics.get("completion_tokens")), usd


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _blocks(step: Json, most: int) -> Iterator[StepBlock]:
    """Reasoning, message, then each call with its results, then results of no call."""
    if (reasoning := text_of(step.get("reasoning_content"))).strip():
        yield _block("reasoning", "", reasoning, most)
    if (message := text_of(step.get("message"))).strip():
        yield _block("message", "", message, most)
    results = [mapping(each) for each in sequence(mapping(step.get("observation")).get("results"))]
    for call in map(mapping, sequence(step.get("tool_calls"))):
        name = visible_line(text_of(call.get("function_name")))[:80]
        yield _block("call", name, arguments_text(call.get("arguments")), most)
        of_call = [each for each in results if each.get("source_call_id") == call.get("tool_call_id")]
        results = [each for each in results if each not in of_call]
        yield from (_block("result", "", text_of(each.get("content")), most) for each in of_call)
    yield from (_block("result", "", text_of(each.get("content")), most) for each in results)


def _block(
    kind: Literal["reasoning", "message", "call", "result"], title: str, text: str, most: int
) -> StepBlock:
    text = text.strip("\n")
    return StepBlock(kind, title, text[:most], max(0, len(text) - most))


def _fitting(text: str, room: int) -> str:
    """The start of a text whose markup takes at most `room` characters."""
    cut = text[: max(0, room)]
    while cut and len(_markup(cut)) > room:
        cut = cut[: len(cut) * 3 // 4]
    return cut


def _markup(text: str) -> str:
    return escape(visible_text(text))


def _size(view: StepView) -> int:
    return _STEP_CHARACTERS + sum(len(_markup(block.text)) + 120 for block in view.blocks)
