"""A conversation for people: each step under a heading, with its text, tool calls and results as they were written."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import RenderableType

from bench.config.money import format_usd
from bench.results.conversations import text_of
from bench.terminal import Bullet, styled, verbatim
from workers.untrusted import dollars, mapping, micro, sequence

Json = dict[str, Any]
_MOST_LINES: Final = 40
_MOST_CHARACTERS: Final = 4_000
_INDENT: Final = "    "


def conversation_parts(name: str, workcell: str, conversation: Json) -> Iterator[RenderableType]:
    """Every step, sub-agents after the agent that started them; longer texts are shortened, with a mark.

    `name`: of what is shown, for the command that prints the whole texts.
    """
    yield styled((f"Conversation of {workcell}", "table.title"))
    is_cut = False
    for agent, step in steps_of(conversation):
        blocks = [_cut(block) for block in _blocks(step)]
        is_cut = is_cut or any(cut for _, cut in blocks)
        yield ""
        yield styled((_heading(agent, step), "bold"))
        lines = [f"{_INDENT}{line}".rstrip() for text, _ in blocks for line in text.split("\n")]
        if lines:
            yield verbatim("\n".join(lines))
    if is_cut:
        yield ""
        yield Bullet(f"the whole texts: bench show {name} --conversation -o json")


def steps_of(conversation: Json) -> Iterator[tuple[str, Json]]:
    """Every step with the name of its agent, sub-agents after the agent that started them."""
    agent = text_of(mapping(conversation.get("agent")).get("name"))
    for step in sequence(conversation.get("steps")):
        yield agent, mapping(step)
    for branch in sequence(conversation.get("subagent_trajectories")):
        yield from steps_of(mapping(branch))


def _heading(agent: str, step: Json) -> str:
    """Number, source, agent, time, tokens and cost; what is missing is left out."""
    metrics = mapping(step.get("metrics"))
    tokens = [metrics.get("prompt_tokens"), metrics.get("completion_tokens")]
    usd = metrics.get("cost_usd")
    facts = [
        f"step {step.get('step_id')}",
        text_of(step.get("source")),
        agent,
        text_of(step.get("timestamp")),
        "" if tokens == [None, None] else f"{_count(tokens[0])} tokens in, {_count(tokens[1])} out",
        "" if usd is None else format_usd(micro(dollars(usd))),
    ]
    return "  ".join(filter(None, facts))


def _count(tokens: Any) -> str:
    return f"{tokens:,}" if isinstance(tokens, int) else "?"


def _blocks(step: Json) -> Iterator[str]:
    """The texts of a step that are not empty: reasoning, message, then each call with its results."""
    reasoning, message = text_of(step.get("reasoning_content")), text_of(step.get("message"))
    if reasoning.strip():
        yield f"(reasoning) {reasoning.strip()}"
    if message.strip():
        yield message.strip("\n")
    results = [mapping(each) for each in sequence(mapping(step.get("observation")).get("results"))]
    for call in map(mapping, sequence(step.get("tool_calls"))):
        yield f"> {text_of(call.get('function_name'))} {arguments_text(call.get('arguments'))}".rstrip()
        of_call = [each for each in results if each.get("source_call_id") == call.get("tool_call_id")]
        results = [each for each in results if each not in of_call]
        yield from _results(of_call)
    yield from _results(results)


def _results(results: Iterable[Json]) -> Iterator[str]:
    for each in results:
        if (text := text_of(each.get("content")).strip("\n")).strip():
            yield "\n".join(f"{_INDENT}{line}" for line in text.split("\n"))


def arguments_text(arguments: Any) -> str:
    """The arguments of a tool call. One text, such as a command, as it is; else JSON."""
    values = list(arguments.values()) if isinstance(arguments, dict) else [arguments]
    if len(values) == 1 and isinstance(values[0], str):
        return values[0].replace("\n", f"\n{_INDENT}").rstrip()
    return json.dumps(arguments, ensure_ascii=False) if arguments else ""


def _cut(text: str) -> tuple[str, bool]:
    """The start of a text, with a mark where more follows; whether it was cut."""
    lines = text.split("\n")
    start = "\n".join(lines[:_MOST_LINES])[:_MOST_CHARACTERS]
    left_out = len(text) - len(start)
    return (f"{start}\n… {left_out:,} more characters", True) if left_out else (text, False)
