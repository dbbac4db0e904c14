"""Conversation from GitHub Copilot CLI's stream of JSON events, with the tokens of its OpenTelemetry file."""

from workers.conversation.content import arguments, dump, text_of
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Metrics, Result
from workers.untrusted import count, mapping, sequence


class CopilotConversation:
    """Accumulator of the stream's events; an answer that never arrived whole is kept from its pieces."""

    def __init__(self, program: str) -> None:
        self.trajectory = AtifTrajectory(program)
        self._pieces: dict[str, str] = {}

    def feed(self, event: Json) -> None:
        data, at = mapping(event.get("data")), iso(event.get("timestamp"))
        match event.get("type"):
            case "user.message":
                self.trajectory.add(AtifStep("user", text_of(data.get("content")), at=at))
            case "assistant.message_delta":
                name = str(data.get("messageId"))
                self._pieces[name] = self._pieces.get(name, "") + text_of(data.get("deltaContent"))
            case "assistant.message":
                self._answer(data, at)
            case "tool.execution_complete":
                self.trajectory.add(AtifStep("tool", results=[_result(data)], at=at))
            case "model.call_failure" | "session.error" | "session.warning":
                self._end_pieces()
                words = data.get("errorMessage") or data.get("message") or dump(data)
                self.trajectory.add(AtifStep("system", text_of(words), at=at, extra={"error": True}))
            case "result":
                self.trajectory.session = str(event.get("sessionId") or "") or None

    def finish(self) -> None:
        """Append answers that broke off."""
        self._end_pieces()

    def _end_pieces(self) -> None:
        for text in filter(None, self._pieces.values()):
            self.trajectory.add(AtifStep("agent", text, extra={"cut": "the stream broke off here"}))
        self._pieces = {}

    def _answer(self, data: Json, at: str | None) -> None:
        self._pieces.pop(str(data.get("messageId")), None)
        self._end_pieces()
        calls = [
            Call(str(each.get("toolCallId")), str(each.get("name")), arguments(each.get("arguments")))
            for each in map(mapping, sequence(data.get("toolRequests")))
        ]
        reasoning = text_of(data.get("reasoningText"))
        model = str(data.get("model") or "") or None
        self.trajectory.add(
            AtifStep("agent", text_of(data.get("content")), reasoning, calls, model=model, at=at)
        )


def _result(data: Json) -> Result:
    text = text_of(mapping(data.get("result")).get("content") or mapping(data.get("error")).get("message"))
    extra = {} if data.get("success") is not False else {"is_error": True}
    return Result(str(data.get("toolCallId")), str(data.get("toolName")), text, extra)


def _spent(each: Round) -> Metrics | None:
    """The tokens of all calls in the OpenTelemetry file; None without any."""
    total: Metrics | None = None
    for event in events(each.out / "copilot-spans.jsonl"):
        span = mapping(event.get("attributes")) if isinstance(event, dict) else {}
        given = count(span.get("gen_ai.usage.input_tokens"))
        out = count(span.get("gen_ai.usage.output_tokens"))
        if span.get("gen_ai.operation.name") != "chat" or given is None or out is None:
            continue
        cached = count(span.get("gen_ai.usage.cache_read.input_tokens")) or 0
        total = total or Metrics(0, 0, 0)
        total.tokens_in = (total.tokens_in or 0) + given
        total.tokens_out = (total.tokens_out or 0) + out
        total.cached = (total.cached or 0) + cached
    return total


def copilot(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in Copilot CLI's streams."""
    conversation = CopilotConversation(program)
    for each in rounds:
        before = len(conversation.trajectory.steps)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(conversation.trajectory, event)
            else:
                conversation.feed(event)
        conversation.finish()
        conversation.trajectory.add_total(_spent(each))
        if len(conversation.trajectory.steps) == before:
            add_prompt(conversation.trajectory, each.prompt)
    return conversation.trajectory
