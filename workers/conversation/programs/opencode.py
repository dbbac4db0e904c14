"""Conversation from opencode's stream of JSON events."""

from workers.conversation.content import arguments, dump, text_of
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Metrics, Result
from workers.untrusted import count, dollars, mapping, micro


class OpencodeConversation:
    """Accumulator of the stream's events: the parts of a step carry the id of its message."""

    def __init__(self, program: str) -> None:
        self.trajectory = AtifTrajectory(program)
        self._steps: dict[str, AtifStep] = {}

    def feed(self, event: Json) -> None:
        part, at = mapping(event.get("part")), iso(event.get("timestamp"))
        self.trajectory.session = str(event.get("sessionID") or "") or self.trajectory.session
        name = str(part.get("messageID"))
        match event.get("type"):
            case "step_start":
                self._steps.pop(name, None)
                self._step(name, at)
            case "text":
                step = self._step(name, at)
                step.text = "\n".join(filter(None, (step.text, text_of(part.get("text")))))
            case "reasoning":
                step = self._step(name, at)
                step.reasoning = "\n".join(filter(None, (step.reasoning, text_of(part.get("text")))))
            case "tool_use":
                self._tool(self._step(name, at), part)
            case "step_finish":
                self._finish(self._step(name, at), part)
            case "error":
                error = mapping(event.get("error"))
                words = text_of(mapping(error.get("data")).get("message") or error.get("message")) or dump(
                    error
                )
                extra = {"error": error.get("name") or True}
                self.trajectory.add(AtifStep("system", words, at=at, extra=extra))

    def _step(self, name: str, at: str | None) -> AtifStep:
        if name not in self._steps:
            self._steps[name] = self.trajectory.add(AtifStep("agent", at=at))
        return self._steps[name]

    @staticmethod
    def _tool(step: AtifStep, part: Json) -> None:
        state = mapping(part.get("state"))
        call = Call(
            str(part.get("callID") or part.get("id")), str(part.get("tool")), arguments(state.get("input"))
        )
        step.calls.append(call)
        text = text_of(state.get("output") if state.get("output") is not None else state.get("error"))
        session = mapping(state.get("metadata")).get("sessionId")
        extra = {"sub_session": session} if session is not None else {}
        if state.get("status") == "error":
            extra["is_error"] = True
        step.results.append(Result(call.id, call.name, text, extra))

    @staticmethod
    def _finish(step: AtifStep, part: Json) -> None:
        tokens, cost = mapping(part.get("tokens")), micro(dollars(part.get("cost")))
        cache = mapping(tokens.get("cache"))
        counts = [count(each) or 0 for each in (tokens.get("input"), cache.get("read"), cache.get("write"))]
        out = (count(tokens.get("output")) or 0) + (count(tokens.get("reasoning")) or 0)
        if sum(counts) + out:
            written = {"cache_write": counts[2]} if counts[2] else {}
            step.metrics = Metrics(sum(counts), out, counts[1], cost or None, written)
        step.extra["stop_reason"] = part.get("reason")


def opencode(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in opencode's streams."""
    conversation = OpencodeConversation(program)
    for each in rounds:
        add_prompt(conversation.trajectory, each.prompt)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(conversation.trajectory, event)
            else:
                conversation.feed(event)
    return conversation.trajectory
