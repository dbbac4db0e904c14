"""Trajectory in the Agent Trajectory Interchange Format (ATIF) v1.7: steps, tool calls, observations and branches."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

SCHEMA: Final = "ATIF-v1.7"
_MAX_DEPTH = 10
"""Of sub-agents below sub-agents."""
Source = Literal["system", "user", "agent", "tool"]
"""`tool` is a message that only brings results: in a trajectory they belong to the step of their calls."""
Json = dict[str, Any]


@dataclass
class Call:
    """A tool call."""

    id: str
    """Empty where the dialect has none."""
    name: str
    arguments: Json
    branches: list[str] = field(default_factory=list)
    """Trajectory ids of the sub-agents that it started."""


@dataclass
class Result:
    """What a tool returned."""

    call_id: str
    name: str
    text: str
    extra: Json = field(default_factory=dict)


@dataclass
class Metrics:
    """Usage of one model call."""

    tokens_in: int | None = None
    """With those read from and written to a cache."""
    tokens_out: int | None = None
    cached: int | None = None
    micro_usd: int | None = None
    extra: Json = field(default_factory=dict)

    def document(self) -> Json:
        return drop_none(
            prompt_tokens=self.tokens_in,
            completion_tokens=self.tokens_out,
            cached_tokens=self.cached,
            cost_usd=None if self.micro_usd is None else self.micro_usd / 1e6,
            extra=self.extra or None,
        )


@dataclass
class AtifStep:
    """One turn of a conversation."""

    source: Source
    text: str = ""
    reasoning: str = ""
    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    model: str | None = None
    metrics: Metrics | None = None
    at: str | None = None
    """RFC 3339."""
    extra: Json = field(default_factory=dict)
    keys: tuple[Hashable, ...] = ()
    """What it is known by in later requests, once that is computed."""

    def copy(self) -> "AtifStep":
        """A copy that shares nothing that changes."""
        calls = [replace(each, branches=[*each.branches]) for each in self.calls]
        results = [replace(each, extra={**each.extra}) for each in self.results]
        return replace(self, calls=calls, results=results, extra={**self.extra})

    def document(self, number: int) -> Json:
        agent: Json = {}
        if self.source == "agent":
            agent = drop_none(
                model_name=self.model,
                reasoning_content=self.reasoning or None,
                tool_calls=[_call(each) for each in self.calls] or None,
                metrics=self.metrics.document() if self.metrics else None,
            )
        results = self._results()
        return drop_none(
            step_id=number,
            timestamp=self.at,
            source="user" if self.source == "tool" else self.source,
            message=self.text,
            **agent,
            observation={"results": results} if results else None,
            extra=self.extra or None,
        )

    def _results(self) -> list[Json]:
        """Results by the order of arrival; a sub-agent without any has one that refers to its trajectory."""
        calls = {each.id: each for each in self.calls}
        documents, referred = [], set()
        for each in self.results:
            call = calls.get(each.call_id)
            extra = dict(each.extra) if call else {**each.extra, "tool_call_id": each.call_id}
            fresh = call is not None and each.call_id not in referred
            documents.append(
                drop_none(
                    source_call_id=each.call_id if call else None,
                    content=each.text,
                    subagent_trajectory_ref=_references(call) if fresh else None,
                    extra=extra or None,
                )
            )
            referred.add(each.call_id)
        for call in self.calls:
            if call.branches and call.id not in referred:
                documents.append({"source_call_id": call.id, "subagent_trajectory_ref": _references(call)})
        return documents


def _call(call: Call) -> Json:
    return {"tool_call_id": call.id, "function_name": call.name, "arguments": call.arguments}


def _references(call: Call | None) -> list[Json] | None:
    return [{"trajectory_id": each} for each in call.branches] if call is not None and call.branches else None


@dataclass
class AtifTrajectory:
    """A conversation and those of its sub-agents."""

    program: str
    version: str | None = None
    model: str | None = None
    id: str = "main"
    session: str | None = None
    steps: list[AtifStep] = field(default_factory=list)
    branches: list["AtifTrajectory"] = field(default_factory=list)
    extra: Json = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    total: Metrics | None = None
    """Where the steps lack it; with the sub-agents'."""

    def add(self, step: AtifStep) -> AtifStep:
        """Append a step. Results go to the step of their calls; those without any are a step of their own."""
        left = [each for each in step.results if not self._attach(each)]
        step.results = left
        if step.source != "tool" or left:
            for number, call in enumerate(step.calls):
                call.id = call.id or f"call-{len(self.steps) + 1}-{number + 1}"
            self.steps.append(step)
        return step

    def _attach(self, result: Result) -> bool:
        for step in reversed(self.steps):
            done = {each.call_id for each in step.results}
            for call in step.calls:
                is_unnamed = not result.call_id and call.name == result.name and call.id not in done
                if call.id == result.call_id or is_unnamed:
                    result.call_id = call.id
                    step.results.append(result)
                    return True
        return False

    def add_total(self, metrics: Metrics | None) -> None:
        """Add the usage of a round that only its total is known of."""
        if metrics is None or self.total is None:
            self.total = metrics or self.total
            return
        given, out, cached, micro_usd = (
            _sum(iter(each)) for each in zip(_counts(self.total), _counts(metrics), strict=True)
        )
        self.total = Metrics(given, out, cached, micro_usd)

    def append(self, other: "AtifTrajectory") -> None:
        """Append the steps and branches of a conversation that followed."""
        if self.total is not None or other.total is not None:
            self.total = self.metrics()
            self.add_total(other.metrics())
        self.steps += other.steps
        self.branches += other.branches

    def walk(self) -> Iterator["AtifTrajectory"]:
        """This trajectory and all below it."""
        yield self
        for each in self.branches:
            yield from each.walk()

    def metrics(self) -> Metrics:
        """The total, or else the sum over the steps."""
        known = [each.metrics for each in self.steps if each.metrics is not None]
        return self.total or Metrics(
            _sum(each.tokens_in for each in known),
            _sum(each.tokens_out for each in known),
            _sum(each.cached for each in known),
            _sum(each.micro_usd for each in known),
        )

    def document(self, depth: int = 0) -> Json:
        """The trajectory as ATIF's JSON object."""
        branches = self.branches if depth < _MAX_DEPTH else []
        notes = [
            *self.notes,
            *([] if branches == self.branches else [f"{len(self.branches)} sub-agents are left out"]),
        ]
        own = self.metrics()
        total = _sum(each.metrics().micro_usd for each in self.walk())
        has_parts = bool(self.branches) and self.total is None
        extra = {"total_cost_usd_with_subagents": total / 1e6} if has_parts and total is not None else None
        return drop_none(
            schema_version=SCHEMA,
            session_id=self.session,
            trajectory_id=self.id,
            agent=drop_none(name=self.program, version=self.version or "unknown", model_name=self.model),
            steps=[each.document(number) for number, each in enumerate(self.steps, 1)],
            notes="\n".join(notes) or None,
            final_metrics=drop_none(
                total_prompt_tokens=own.tokens_in,
                total_completion_tokens=own.tokens_out,
                total_cached_tokens=own.cached,
                total_cost_usd=None if own.micro_usd is None else own.micro_usd / 1e6,
                total_steps=len(self.steps),
                extra=extra,
            ),
            extra=self.extra or None,
            subagent_trajectories=[each.document(depth + 1) for each in branches] or None,
        )


def _counts(metrics: Metrics) -> tuple[int | None, ...]:
    return metrics.tokens_in, metrics.tokens_out, metrics.cached, metrics.micro_usd


def _sum(values: Iterator[int | None]) -> int | None:
    known = [each for each in values if each is not None]
    return sum(known) if known else None


def drop_none(**fields: Any) -> Json:
    """The fields that have a value."""
    return {key: value for key, value in fields.items() if value is not None}
