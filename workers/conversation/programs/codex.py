"""Conversation from Codex CLI's session records, or else from its stream."""

from pathlib import Path
from typing import Any

from workers.conversation.content import arguments, dump, text_of
from workers.conversation.dialects import item
from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso
from workers.conversation.steps import AtifStep, AtifTrajectory, Call, Json, Metrics, Result
from workers.untrusted import count, mapping, sequence

_MAX_RECORDS = 256
_PLAIN = ("id", "type", "item_type", "status")
_OUTCOMES = ("aggregated_output", "exit_code", "result", "error", "agents_states")


class SessionRecord:
    """Accumulator of a session record: items of the Responses dialect, token counts and errors."""

    def __init__(self, program: str, name: str) -> None:
        self.trajectory = AtifTrajectory(program, id=name)
        self.parent: str | None = None
        self.threads: dict[str, list[str]] = {}
        """Threads of sub-agents by the id of the call that started them."""
        self._is_answering = False

    def feed(self, event: Json) -> None:
        payload, at = mapping(event.get("payload")), iso(event.get("timestamp"))
        match event.get("type"):
            case "session_meta":
                self._meta(payload)
            case "turn_context":
                self.trajectory.model = str(payload.get("model") or "") or self.trajectory.model
            case "response_item":
                for step in item(payload):
                    self._add(step, at)
            case "compacted":
                text = str(payload.get("message") or "") or dump(payload.get("replacement_history"))
                self._add(AtifStep("system", text, extra={"compacted": True}), at)
            case "event_msg":
                self._event(payload, at)

    def _meta(self, payload: Json) -> None:
        self.trajectory.id = str(payload.get("id") or self.trajectory.id)
        self.trajectory.version = str(payload.get("cli_version") or "") or None
        source = mapping(mapping(mapping(payload.get("source")).get("subagent")).get("thread_spawn"))
        parent = payload.get("parent_thread_id") or source.get("parent_thread_id")
        self.parent = str(parent) if parent else None
        text = text_of(mapping(payload.get("base_instructions")).get("text"))
        if text:
            self._add(AtifStep("system", text), None)

    def _add(self, step: AtifStep, at: str | None) -> None:
        last = self.trajectory.steps[-1] if self.trajectory.steps else None
        if step.source == "agent" and last is not None and last.source == "agent" and self._is_answering:
            last.text = "\n".join(filter(None, (last.text, step.text)))
            last.reasoning = "\n".join(filter(None, (last.reasoning, step.reasoning)))
            last.calls += step.calls
            return
        step.at = at
        self._is_answering = step.source == "agent"
        self.trajectory.add(step)

    def _event(self, payload: Json, at: str | None) -> None:
        kind = str(payload.get("type"))
        done = mapping(payload.get("item"))
        if kind == "token_count":
            self._count(mapping(mapping(payload.get("info")).get("last_token_usage")))
        elif kind in ("error", "stream_error", "turn_aborted", "warning"):
            words = text_of(payload.get("message") or payload.get("reason")) or kind
            self._add(AtifStep("system", words, extra={"error": True}), at)
        elif done.get("type") == "CollabAgentToolCall" and done.get("tool") == "spawn_agent":
            threads = [str(each) for each in sequence(done.get("receiver_thread_ids"))]
            self.threads.setdefault(str(done.get("id")), []).extend(threads)

    def _count(self, usage: Json) -> None:
        """The usage of the last call of the model: of the last answer that has none."""
        self._is_answering = False
        answers = [each for each in self.trajectory.steps if each.source == "agent"]
        if answers and answers[-1].metrics is None and usage:
            answers[-1].metrics = _metrics(usage)


def _metrics(usage: Json) -> Metrics:
    written = count(usage.get("cache_write_input_tokens"))
    return Metrics(
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        count(usage.get("cached_input_tokens")),
        None,
        {"cache_write": written} if written else {},
    )


def _records(program: str, out: Path) -> list[SessionRecord]:
    paths = sorted((out / "codex" / "sessions").glob("*/*/*/rollout-*.jsonl"))
    records = []
    for path in paths[-_MAX_RECORDS:]:
        record = SessionRecord(program, path.stem)
        for event in events(path):
            if isinstance(event, str):
                add_raw(record.trajectory, event)
            else:
                record.feed(event)
        records.append(record)
    return records


def _joined(records: list[SessionRecord]) -> AtifTrajectory:
    """The main sessions, one after the other, with each sub-agent's below the one that started it."""
    by_id = {each.trajectory.id: each for each in records}
    for record in records:
        owner = by_id.get(record.parent or "")
        if owner is None or _is_above(record, owner, by_id):
            continue
        record.trajectory.extra["role"] = "sub-agent"
        owner.trajectory.branches.append(record.trajectory)
        for step in owner.trajectory.steps:
            for call in step.calls:
                if record.trajectory.id in owner.threads.get(call.id, ()):
                    call.branches.append(record.trajectory.id)
    roots = [each.trajectory for each in records if "role" not in each.trajectory.extra]
    main = roots[0] if roots else records[0].trajectory
    for root in roots[1:]:
        main.append(root)
    main.session, main.id = main.id, "main"
    return main


def _is_above(record: SessionRecord, other: SessionRecord, by_id: dict[str, SessionRecord]) -> bool:
    """Whether `other` is `record` or below it: the files are the program's, and may name any parents."""
    seen: list[SessionRecord] = []
    each: SessionRecord | None = other
    while each is not None and each not in seen:
        if each is record:
            return True
        seen.append(each)
        each = by_id.get(each.parent or "")
    return False


def _add_errors(trajectory: AtifTrajectory, rounds: list[Round]) -> None:
    """Append errors that the stream has and the session records have not."""
    known = "\n".join(step.text for each in trajectory.walk() for step in each.steps)
    for each in rounds:
        for event in events(each.stdout):
            given = event if isinstance(event, dict) else {}
            words = text_of(given.get("message") or mapping(given.get("error")).get("message"))
            if given.get("type") in ("error", "turn.failed") and words and words not in known:
                trajectory.add(AtifStep("system", words, extra={"error": True}))


class CodexStream:
    """Accumulator of the events of `codex exec --json`, which has neither the prompt nor a sub-agent's conversation."""

    def __init__(self, program: str) -> None:
        self.trajectory = AtifTrajectory(program)
        self._items: dict[str, tuple[AtifStep, Call]] = {}
        self._total: Metrics | None = None
        """Of this round: each turn has the sum so far."""

    def finish(self) -> None:
        """End a round: add up its usage; the next one numbers its items anew."""
        self.trajectory.add_total(self._total)
        self._items, self._total = {}, None

    def feed(self, event: Json) -> None:
        match event.get("type"):
            case "thread.started":
                self.trajectory.session = str(event.get("thread_id"))
            case "item.started" | "item.updated" | "item.completed":
                is_over = event["type"] == "item.completed"
                self._item(mapping(event.get("item")), is_over)
            case "turn.completed":
                self._total = _metrics(mapping(event.get("usage")))
            case "turn.failed":
                self._error(mapping(event.get("error")).get("message"))
            case "error":
                self._error(event.get("message"))

    def _error(self, words: Any) -> None:
        self.trajectory.add(AtifStep("system", text_of(words) or "error", extra={"error": True}))

    def _item(self, entry: Json, is_over: bool) -> None:
        kind, name = entry.get("type") or entry.get("item_type"), str(entry.get("id"))
        if kind in ("agent_message", "assistant_message") and is_over:
            self.trajectory.add(AtifStep("agent", text_of(entry.get("text"))))
        elif kind == "reasoning" and is_over:
            self.trajectory.add(AtifStep("agent", reasoning=text_of(entry.get("text"))))
        elif kind == "error":
            self._error(entry.get("message"))
        elif kind not in ("agent_message", "assistant_message", "reasoning"):
            self._tool(str(kind), name, entry, is_over)

    def _tool(self, kind: str, name: str, entry: Json, is_over: bool) -> None:
        given = {key: value for key, value in entry.items() if key not in (*_PLAIN, *_OUTCOMES)}
        if name not in self._items:
            call = Call(
                f"{name}-{len(self.trajectory.steps) + 1}", str(entry.get("tool") or kind), arguments(given)
            )
            self._items[name] = (self._step(), call)
            self._items[name][0].calls.append(call)
        step, known = self._items[name]
        known.arguments = arguments(given)
        if is_over:
            outcome = {key: entry[key] for key in _OUTCOMES if entry.get(key) is not None}
            text = outcome.pop("aggregated_output", None)
            words = text if isinstance(text, str) else dump(outcome or entry.get("status"))
            extra = outcome if isinstance(text, str) else {}
            step.results.append(Result(known.id, known.name, words, extra))

    def _step(self) -> AtifStep:
        """The answer that a call belongs to: the last one, where no tool of it has returned."""
        last = self.trajectory.steps[-1] if self.trajectory.steps else None
        if last is not None and last.source == "agent" and not last.results:
            return last
        return self.trajectory.add(AtifStep("agent"))


def codex(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in Codex CLI's session records; in its stream where it left none."""
    records = [record for each in rounds for record in _records(program, each.out)]
    if records:
        trajectory = _joined(records)
        _add_errors(trajectory, rounds)
        return trajectory
    stream = CodexStream(program)
    for each in rounds:
        add_prompt(stream.trajectory, each.prompt)
        for event in events(each.stdout):
            if isinstance(event, str):
                add_raw(stream.trajectory, event)
            else:
                stream.feed(event)
        stream.finish()
    return stream.trajectory
