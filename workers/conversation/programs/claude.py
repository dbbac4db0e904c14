"""Conversation from the stream of Claude Code, or of Qwen Code, which has the same events."""

from typing import Any

from workers.conversation.content import text_of
from workers.conversation.dialects import message
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Metrics
from workers.gateway.assemble import Messages
from workers.untrusted import count, dollars, mapping, micro, sequence

_INPUTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class ClaudeConversation:
    """Accumulator of the stream's events; a sub-agent's have the id of the call that started it."""

    def __init__(self, program: str) -> None:
        self.main = AtifTrajectory(program)
        self._program = program
        self._below: dict[str, AtifTrajectory] = {}
        self._messages: dict[tuple[str, str], AtifStep] = {}
        self._partial: dict[str, Messages] = {}
        self._total: Metrics | None = None
        """Of this round: each result has the sum so far."""

    def feed(self, event: Json) -> None:
        parent = str(event.get("parent_tool_use_id") or "")
        match event.get("type"):
            case "system":
                self._system(event)
            case "stream_event":
                self._stream(parent, mapping(event.get("event")))
            case "assistant":
                self._assistant(parent, event)
            case "user":
                given = mapping(event.get("message"))
                for step in message(given.get("role"), given.get("content")):
                    step.at = iso(event.get("timestamp"))
                    self._of(parent).add(step)
            case "result":
                self._result(event)

    def finish(self) -> None:
        """End a round: append answers whose stream broke off, and add up its usage."""
        for parent in list(self._partial):
            self._end_partial(parent)
        self.main.add_total(self._total)
        self._total = None

    def _of(self, parent: str) -> AtifTrajectory:
        if not parent:
            return self.main
        if parent not in self._below:
            below = AtifTrajectory(self._program, self.main.version, self.main.model, f"task-{parent}")
            below.extra["role"] = "sub-agent"
            call, owner = self._call(parent)
            if call is not None:
                call.branches.append(below.id)
            owner.branches.append(below)
            self._below[parent] = below
        return self._below[parent]

    def _call(self, name: str) -> tuple[Call | None, AtifTrajectory]:
        for trajectory in self.main.walk():
            for step in trajectory.steps:
                for call in step.calls:
                    if call.id == name:
                        return call, trajectory
        return None, self.main

    def _system(self, event: Json) -> None:
        match event.get("subtype"):
            case "init":
                version = event.get("claude_code_version") or event.get("qwen_code_version")
                self.main.version = str(version) if version else self.main.version
                self.main.model = str(event["model"]) if event.get("model") else self.main.model
                self.main.session = str(event.get("session_id") or "") or None
            case "api_retry":
                words = f"API retry {event.get('attempt')}: {event.get('error_status')} {event.get('error')}"
                self.main.add(
                    AtifStep("system", words, extra={"wait_ms": event.get("retry_delay_ms"), "error": True})
                )
            case "compact_boundary":
                self.main.add(AtifStep("system", "The conversation was compacted."))

    def _stream(self, parent: str, event: Json) -> None:
        if event.get("type") == "message_start":
            self._end_partial(parent)
            self._partial[parent] = Messages()
        partial = self._partial.get(parent)
        if partial is None:
            return
        partial.feed(event)
        if event.get("type") in ("message_delta", "message_stop"):
            step = self._messages.get((parent, str(partial.response.get("id"))))
            if step is not None:
                step.metrics = _metrics(mapping(partial.response.get("usage")), has_ended=True)

    def _end_partial(self, parent: str) -> None:
        response = self._partial.pop(parent).response if parent in self._partial else {}
        if not response or (parent, str(response.get("id"))) in self._messages:
            return
        for step in message("assistant", response.get("content")):
            step.model = str(response.get("model") or "") or None
            if response.get("stop_reason") is None:
                step.extra["cut"] = "the stream broke off here"
            step.metrics = _metrics(mapping(response.get("usage")), response.get("stop_reason") is not None)
            self._of(parent).add(step)

    def _assistant(self, parent: str, event: Json) -> None:
        given = mapping(event.get("message"))
        trajectory, name = self._of(parent), str(given.get("id"))
        if given.get("model") == "<synthetic>":
            text = text_of(given.get("content"))
            trajectory.add(AtifStep("system", text, extra={"error": event.get("error") or True}))
            return
        partial = self._partial.get(parent)
        if partial is not None and partial.response.get("id") != given.get("id"):
            self._end_partial(parent)
        metrics = _metrics(mapping(given.get("usage")), given.get("stop_reason") is not None)
        for step in message("assistant", given.get("content")):
            step.model = str(given.get("model") or "") or None
            step.at = iso(event.get("timestamp"))
            before = self._messages.get((parent, name))
            if before is None or before.source != step.source:
                step.metrics = metrics if step.source == "agent" else None
                trajectory.add(step)
                if step.source == "agent":
                    self._messages[parent, name] = step
                continue
            before.text = "\n".join(filter(None, (before.text, step.text)))
            before.reasoning = "\n".join(filter(None, (before.reasoning, step.reasoning)))
            before.calls += step.calls
            before.metrics = before.metrics if _is_better(before.metrics, metrics) else metrics

    def _result(self, event: Json) -> None:
        errors = [mapping(event.get("error")).get("message"), *sequence(event.get("errors"))]
        text = text_of(event.get("result")) or text_of([each for each in errors if each])
        has_text = any(text in step.text for each in self.main.walk() for step in each.steps)
        if text and not has_text:
            self.main.add(AtifStep("system", text, extra={"result": event.get("subtype")}))
        usage = mapping(event.get("usage"))
        total = _metrics(usage, has_ended=True)
        if total is not None:
            total.micro_usd = micro(dollars(event.get("total_cost_usd")))
            self._total = total


def _is_better(before: Metrics | None, after: Metrics | None) -> bool:
    return before is not None and (after is None or (before.tokens_out or 0) > (after.tokens_out or 0))


def _metrics(usage: Json, has_ended: bool) -> Metrics | None:
    """Usage of a message; while it is streamed its output is not counted yet."""
    counts: list[Any] = [count(usage.get(name)) for name in _INPUTS]
    given, out = sum(each or 0 for each in counts), count(usage.get("output_tokens"))
    if not given and not out:
        return None
    if "total_tokens" in usage:  # Qwen Code's input includes the cached
        given = counts[0] or 0
    written = {"cache_write": counts[2]} if counts[2] else {}
    return Metrics(given, out if has_ended or (out or 0) > 1 else None, counts[1], None, written)


def claude(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in the streams of Claude Code or Qwen Code."""
    conversation = ClaudeConversation(program)
    for each in rounds:
        add_prompt(conversation.main, each.prompt)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(conversation.main, event)
            else:
                conversation.feed(event)
        conversation.finish()
    return conversation.main
