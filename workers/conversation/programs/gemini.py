"""Conversation from Gemini CLI's stream of JSON events."""

from workers.conversation.content import arguments, dump, text_of
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Metrics, Result
from workers.untrusted import count, mapping


class GeminiConversation:
    """Accumulator of the stream's events; an answer comes in pieces, with its calls after it."""

    def __init__(self, program: str) -> None:
        self.trajectory = AtifTrajectory(program)

    def feed(self, event: Json) -> None:
        at = iso(event.get("timestamp"))
        match event.get("type"):
            case "init":
                self.trajectory.session = str(event.get("session_id"))
                self.trajectory.model = str(event.get("model"))
            case "message" if event.get("role") == "assistant":
                step = self._answer(at, is_text=True)
                step.text += text_of(event.get("content"))
            case "message":
                self.trajectory.add(AtifStep("user", text_of(event.get("content")), at=at))
            case "tool_use":
                call = Call(
                    str(event.get("tool_id")), str(event.get("tool_name")), arguments(event.get("parameters"))
                )
                self._answer(at).calls.append(call)
            case "tool_result":
                self.trajectory.add(AtifStep("tool", results=[_result(event)], at=at))
            case "error":
                self._error(event, at)
            case "result":
                self._end(event, at)

    def _answer(self, at: str | None, *, is_text: bool = False) -> AtifStep:
        """The answer that goes on: text follows text, and calls follow either, until a tool returns."""
        last = self.trajectory.steps[-1] if self.trajectory.steps else None
        if last is not None and last.source == "agent" and not last.results and not (is_text and last.calls):
            return last
        return self.trajectory.add(AtifStep("agent", at=at))

    def _error(self, event: Json, at: str | None) -> None:
        words = text_of(event.get("message")) or dump(event)
        self.trajectory.add(AtifStep("system", words, at=at, extra={"error": True}))

    def _end(self, event: Json, at: str | None) -> None:
        if event.get("error") is not None:
            self._error(mapping(event["error"]), at)
        stats = mapping(event.get("stats"))
        given, total = count(stats.get("input_tokens")), count(stats.get("total_tokens"))
        if given is not None and total is not None:
            # Its output leaves out the thinking.
            self.trajectory.add_total(Metrics(given, max(total - given, 0), count(stats.get("cached"))))


def _result(event: Json) -> Result:
    text = text_of(event.get("output")) or text_of(mapping(event.get("error")).get("message"))
    extra = {} if event.get("status") == "success" else {"is_error": True}
    return Result(str(event.get("tool_id")), "", text, extra)


def gemini(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in Gemini CLI's streams."""
    conversation = GeminiConversation(program)
    for each in rounds:
        before = len(conversation.trajectory.steps)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(conversation.trajectory, event)
            else:
                conversation.feed(event)
        if len(conversation.trajectory.steps) == before:
            add_prompt(conversation.trajectory, each.prompt)
    return conversation.trajectory
