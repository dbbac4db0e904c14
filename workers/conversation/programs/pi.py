"""Conversation from pi's stream of JSON events."""

from workers.conversation.content import arguments, text_of
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Metrics, Result
from workers.untrusted import count, dollars, mapping, micro, sequence


class PiConversation:
    """Accumulator of the stream's messages; of one that never ended, what its last update had."""

    def __init__(self, program: str) -> None:
        self.trajectory = AtifTrajectory(program)
        self._open: Json | None = None

    def feed(self, event: Json) -> None:
        match event.get("type"):
            case "session":
                self.trajectory.session = str(event.get("id"))
            case "message_start" | "message_update":
                self._open = mapping(event.get("message"))
            case "message_end":
                self._open = None
                self._message(mapping(event.get("message")))
            case "auto_retry_start":
                words = text_of(event.get("errorMessage")) or "retry"
                extra = {"error": True, "wait_ms": event.get("delayMs")}
                self.trajectory.add(AtifStep("system", words, extra=extra))

    def finish(self) -> None:
        """Append an answer that broke off."""
        if self._open is not None and self._open.get("role") == "assistant":
            self._message(self._open, is_cut=True)
        self._open = None

    def _message(self, given: Json, *, is_cut: bool = False) -> None:
        at = iso(given.get("timestamp"))
        match given.get("role"):
            case "assistant":
                self._answer(given, at, is_cut)
            case "toolResult":
                extra = {"is_error": True} if given.get("isError") else {}
                result = Result(
                    str(given.get("toolCallId")),
                    str(given.get("toolName")),
                    text_of(given.get("content")),
                    extra,
                )
                self.trajectory.add(AtifStep("tool", results=[result], at=at))
            case "user":
                self.trajectory.add(AtifStep("user", text_of(given.get("content")), at=at))
            case role:
                self.trajectory.add(
                    AtifStep("system", text_of(given.get("content")), at=at, extra={"role": role})
                )

    def _answer(self, given: Json, at: str | None, is_cut: bool) -> None:
        blocks = [mapping(each) for each in sequence(given.get("content"))]
        step = AtifStep(
            "agent",
            text_of([each for each in blocks if each.get("type") not in ("thinking", "toolCall")]),
            "\n".join(text_of(each.get("thinking")) for each in blocks if each.get("type") == "thinking"),
            [
                Call(str(each.get("id")), str(each.get("name")), arguments(each.get("arguments")))
                for each in blocks
                if each.get("type") == "toolCall"
            ],
            model=str(given.get("model") or "") or None,
            metrics=_metrics(mapping(given.get("usage"))),
            at=at,
            extra={"stop_reason": given.get("stopReason")},
        )
        if is_cut:
            step.extra = {"cut": "the stream broke off here"}
        if blocks or not given.get("errorMessage"):
            self.trajectory.add(step)
        if given.get("errorMessage"):
            words = text_of(given["errorMessage"])
            self.trajectory.add(AtifStep("system", words, at=at, extra={"error": True}))


def _metrics(usage: Json) -> Metrics | None:
    names = ("input", "cacheRead", "cacheWrite")
    counts = [count(usage.get(name)) or 0 for name in names]
    out = count(usage.get("output")) or 0
    if not sum(counts) + out:
        return None
    cost = micro(dollars(mapping(usage.get("cost")).get("total"))) or None
    return Metrics(sum(counts), out, counts[1], cost, {"cache_write": counts[2]} if counts[2] else {})


def pi(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in pi's streams."""
    conversation = PiConversation(program)
    for each in rounds:
        before = len(conversation.trajectory.steps)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(conversation.trajectory, event)
            else:
                conversation.feed(event)
        conversation.finish()
        if len(conversation.trajectory.steps) == before:
            add_prompt(conversation.trajectory, each.prompt)
    return conversation.trajectory
