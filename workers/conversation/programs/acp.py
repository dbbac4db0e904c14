"""Conversation from the stream of our client of the Agent Client Protocol."""

from workers.conversation.content import arguments, dump, text_of
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Result
from workers.untrusted import mapping

_DESCRIPTION = ("title", "kind", "locations")


class AcpConversation:
    """Accumulator of session updates: an answer comes in chunks, a tool call in updates."""

    def __init__(self, program: str) -> None:
        self.trajectory = AtifTrajectory(program)
        self._calls: dict[str, tuple[AtifStep, Call, Result | None]] = {}

    def feed(self, event: Json) -> None:
        match event.get("type"):
            case "session":
                self.trajectory.session = str(event.get("id") or "") or None
                version = f"{event.get('agent') or ''} {event.get('version') or ''}".strip()
                self.trajectory.version = version or self.trajectory.version
            case "update":
                self._update(mapping(event.get("update")))
            case "permission":
                words = f"{event.get('title')}: {event.get('option')}"
                self.trajectory.add(AtifStep("system", words, extra={"permission": True}))
            case "error":
                words = text_of(event.get("message")) or dump(event)
                self.trajectory.add(AtifStep("system", words, extra={"error": True}))
            case "result" if self.trajectory.steps:
                self.trajectory.steps[-1].extra["stop_reason"] = event.get("stop_reason")

    def _update(self, update: Json) -> None:
        words = text_of([update["content"]]) if isinstance(update.get("content"), dict) else ""
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                self._answer(is_text=True).text += words
            case "agent_thought_chunk":
                self._answer(is_text=True).reasoning += words
            case "user_message_chunk":
                self.trajectory.add(AtifStep("user", words))
            case "tool_call" | "tool_call_update":
                self._tool(update)
            case "plan":
                self.trajectory.add(AtifStep("system", dump(update.get("entries")), extra={"plan": True}))

    def _answer(self, *, is_text: bool = False) -> AtifStep:
        """The answer that continues: text follows text, and calls follow either."""
        last = self.trajectory.steps[-1] if self.trajectory.steps else None
        if last is not None and last.source == "agent" and not last.results and not (is_text and last.calls):
            return last
        return self.trajectory.add(AtifStep("agent"))

    def _tool(self, update: Json) -> None:
        name = str(update.get("toolCallId"))
        if name not in self._calls:
            step, call = (
                self._answer(),
                Call(name, str(update.get("title") or update.get("kind") or "tool"), {}),
            )
            step.calls.append(call)
            self._calls[name] = step, call, None
        step, call, result = self._calls[name]
        if update.get("rawInput") is not None:
            call.arguments |= arguments(update["rawInput"])
        call.arguments |= {key: update[key] for key in _DESCRIPTION if update.get(key) is not None}
        content = update.get("content") if update.get("content") is not None else update.get("rawOutput")
        status = update.get("status")
        if content is None and status not in ("completed", "failed"):
            return
        if result is None:
            result = Result(name, call.name, "")
            step.results.append(result)
            self._calls[name] = step, call, result
        result.text = text_of(content) or result.text
        if status == "failed":
            result.extra["is_error"] = True


def acp(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in the client's streams."""
    conversation = AcpConversation(program)
    for each in rounds:
        add_prompt(conversation.trajectory, each.prompt)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(conversation.trajectory, event)
            else:
                conversation.feed(event)
    return conversation.trajectory
