"""Messages of a request and of a response as steps, by the kind of call."""

from collections.abc import Callable
from typing import Any, Final

from workers.conversation.content import arguments, dump, is_media, mark, text_of, texts
from workers.conversation.steps import AtifStep, Call, Json, Result
from workers.untrusted import mapping, sequence

_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "computer_call_output",
)


def answer_step(kind: str, response: Json) -> AtifStep:
    """The answer in a whole response; its results are those of tools that the provider ran."""
    parts = _ANSWERS[kind](response)
    step = joined([AtifStep("agent"), *(each for each in parts if each.source == "agent")])
    step.results = [result for each in parts for result in each.results]
    model = response.get("model") or response.get("modelVersion")
    step.model = model if isinstance(model, str) else None
    return step


def tool_names(kind: str, body: Json) -> tuple[str, ...]:
    """The names of the tools that a request offers."""
    names = []
    for each in sequence(body.get("tools")):
        tool = mapping(each)
        declared = sequence(tool.get("functionDeclarations") or tool.get("function_declarations"))
        for entry in declared or [tool.get("function") if kind == "chat" else tool]:
            names.append(str(mapping(entry).get("name") or mapping(entry).get("type")))
    return tuple(sorted(names))


def joined(steps: list[AtifStep]) -> AtifStep:
    """Adjoining steps of the agent as one."""
    if len(steps) == 1:
        return steps[0]
    return AtifStep(
        "agent",
        "\n".join(each.text for each in steps if each.text),
        "\n".join(each.reasoning for each in steps if each.reasoning),
        [call for each in steps for call in each.calls],
    )


def message(role: Any, content: Any) -> list[AtifStep]:
    """The steps of a message of Anthropic's: its text, and the results that it brings."""
    if not isinstance(content, list):
        return [AtifStep(_source(role), text_of(content))]
    blocks = [
        mapping(each) if isinstance(each, dict) else {"type": "text", "text": str(each)} for each in content
    ]
    calls = [
        Call(str(each.get("id") or ""), str(each.get("name")), arguments(each.get("input")))
        for each in blocks
        if str(each.get("type")).endswith("tool_use")
    ]
    results = [
        Result(
            str(each.get("tool_use_id") or ""),
            "",
            text_of(each.get("content")),
            {"is_error": True} if each.get("is_error") else {},
        )
        for each in blocks
        if str(each.get("type")).endswith("tool_result")
    ]
    thoughts = [each for each in blocks if each.get("type") in ("thinking", "redacted_thinking")]
    reasoning = "\n".join(_thought(each) for each in thoughts)
    rest = [
        each
        for each in blocks
        if each not in thoughts and not str(each.get("type")).endswith(("tool_use", "tool_result"))
    ]
    steps = [AtifStep("tool", results=results)] if results else []
    if rest or calls or reasoning or not results:
        steps.append(AtifStep(_source(role), text_of(rest), reasoning, calls))
    return steps


def _thought(block: Json) -> str:
    return (
        str(block["thinking"]) if isinstance(block.get("thinking"), str) else "[thinking that is encrypted]"
    )


def _source(role: Any) -> Any:
    return {"assistant": "agent", "model": "agent", "user": "user", "tool": "tool"}.get(str(role), "system")


def item(entry: Json) -> list[AtifStep]:
    """The step of an item of OpenAI's Responses; of one without any words, none."""
    kind = entry.get("type") or "message"
    call_id = str(entry.get("call_id") or entry.get("id") or "")
    match kind:
        case "message":
            return [AtifStep(_source(entry.get("role")), text_of(entry.get("content")))]
        case "reasoning":
            words = text_of(entry.get("content")) or texts(entry.get("summary"), "summary_text")
            return [AtifStep("agent", reasoning=words)] if words else []
        case "function_call" | "custom_tool_call":
            name, given = str(entry.get("name")), entry.get("arguments", entry.get("input"))
            return [AtifStep("agent", calls=[Call(call_id, name, arguments(given))])]
    if kind in _OUTPUTS:
        return [AtifStep("tool", results=[Result(call_id, "", text_of(entry.get("output")))])]
    if str(kind).endswith("_call"):
        rest = {key: value for key, value in entry.items() if key not in ("type", "id", "call_id", "status")}
        return [AtifStep("agent", calls=[Call(call_id, str(kind).removesuffix("_call"), rest)])]
    return [AtifStep("system", dump(entry), extra={"type": str(kind)})]


def chat_message(entry: Json) -> list[AtifStep]:
    """The steps of a message of Chat Completions."""
    source, text = _source(entry.get("role")), text_of(entry.get("content"))
    if source == "tool" or entry.get("role") == "function":
        result = Result(str(entry.get("tool_call_id") or ""), str(entry.get("name") or ""), text)
        return [AtifStep("tool", results=[result])]
    if source != "agent":
        return [AtifStep(source, text)]
    calls = []
    for each in sequence(entry.get("tool_calls")):
        call = mapping(each)
        function = mapping(call.get("function") or call.get("custom"))
        given = function.get("arguments", function.get("input"))
        calls.append(Call(str(call.get("id") or ""), str(function.get("name")), arguments(given)))
    reasoning = text_of(entry.get("reasoning_content") or entry.get("reasoning"))
    refusal = text_of(entry.get("refusal"))
    return [AtifStep("agent", text or refusal, reasoning, calls)]


def _content(entry: Json) -> list[AtifStep]:
    """The steps of a content of Gemini's."""
    step, results = AtifStep(_source(entry.get("role") or "user")), []
    words: list[str] = []
    for each in sequence(entry.get("parts")):
        part = mapping(each)
        call, response = mapping(part.get("functionCall")), mapping(part.get("functionResponse"))
        if call:
            given = arguments(call.get("args"))
            step.calls.append(Call(str(call.get("id") or ""), str(call.get("name")), given))
        elif response:
            value = mapping(response.get("response"))
            text = value["output"] if set(value) == {"output"} else dump(value)
            results.append(Result(str(response.get("id") or ""), str(response.get("name")), text_of(text)))
        elif part.get("thought") is True:
            step.reasoning += text_of(part.get("text"))
        else:
            words.append(mark(part) if is_media(part) else text_of(part.get("text", part)))
    step.text = "\n".join(words)
    has_words = bool(words or step.calls or step.reasoning or not results)
    return [*([AtifStep("tool", results=results)] if results else []), *([step] if has_words else [])]


def _first(values: Any) -> Json:
    return mapping(next(iter(sequence(values)), None))


def _anthropic_message(entry: Any) -> list[AtifStep]:
    return message(mapping(entry).get("role"), mapping(entry).get("content"))


HISTORY: Final[dict[str, tuple[str, Callable[[Any], list[AtifStep]]]]] = {
    "messages": ("messages", _anthropic_message),
    "responses": ("input", lambda entry: item(mapping(entry))),
    "chat": ("messages", lambda entry: chat_message(mapping(entry))),
    "generate": ("contents", lambda entry: _content(mapping(entry))),
}
"""By the kind of call: the key of a request's messages, and what makes steps of one of them."""
SYSTEM: Final = ("system", "instructions", "systemInstruction", "system_instruction")
"""Keys of a request's system prompt."""
_ANSWERS: dict[str, Callable[[Json], list[AtifStep]]] = {
    "messages": lambda response: message("assistant", sequence(response.get("content"))),
    "responses": lambda response: [
        step for each in sequence(response.get("output")) for step in item(mapping(each))
    ],
    "chat": lambda response: chat_message(
        {"role": "assistant", **mapping(_first(response.get("choices")).get("message"))}
    ),
    "generate": lambda response: _content(
        {"role": "model", **mapping(_first(response.get("candidates")).get("content"))}
    ),
}
