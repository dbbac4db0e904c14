"""Trajectory from the gateway's transcript: each request repeats its history, so steps are what each one adds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from workers.conversation.branches import Branch, Branches
from workers.conversation.dialects import answer_step, tool_names
from workers.conversation.requests import RequestParser
from workers.conversation.steps import AtifStep, AtifTrajectory, Json, Metrics
from workers.gateway.assemble import assemble, assembled, is_whole
from workers.untrusted import count, mapping, sequence

KINDS = ("messages", "responses", "chat", "generate")


def from_transcript(
    program: str, version: str | None, calls: Iterable[Mapping[str, Any]]
) -> AtifTrajectory | None:
    """The conversation of a door's calls, in the order of their numbers; None where no call has a request."""
    branches, parser = Branches(program, version), RequestParser()
    for call in calls:
        kind = call_kind(call)
        if kind is not None and isinstance(call.get("request"), dict):
            _add(branches, parser.steps(kind, call["request"]), kind, call)
    main = branches.main()
    return None if main is None else _tree(branches, main)


def call_kind(call: Mapping[str, Any]) -> str | None:
    """The kind of a call of a model, by its path where it has none; None for any other."""
    kind = call.get("kind")
    if kind in KINDS:
        return str(kind)
    path = str(call.get("path"))
    ends = {"/messages": "messages", "/responses": "responses", "/chat/completions": "chat"}
    known = next((name for end, name in ends.items() if path.endswith(end)), None)
    return known or ("generate" if "enerateContent" in path else None)


def _add(branches: Branches, steps: list[AtifStep], kind: str, call: Mapping[str, Any]) -> None:
    at = _time(call.get("at"))
    branch = branches.of(steps, tool_names(kind, call["request"]))
    branch.add_new(steps, at)
    response = _response(kind, call)
    error = call.get("refused") or call.get("error") or mapping(response).get("error")
    status = count(call.get("status"))
    is_failed = status is not None and status >= 400
    if response is not None and not is_failed:
        _answer(branch, kind, call, response, at)
    if error or is_failed or (response is None and not is_failed):
        words = (
            error if isinstance(error, str) else str(mapping(error).get("message") or error or "no answer")
        )
        text = f"HTTP {status}: {words}" if is_failed else words
        extra = _extra(call) | {"error": True} | ({"refused": True} if call.get("refused") else {})
        branch.trajectory.add(AtifStep("system", text, at=at, extra=extra))


def _response(kind: str, call: Mapping[str, Any]) -> Json | None:
    """The response, assembled where it was streamed; None where nothing of one arrived."""
    if isinstance(call.get("events"), str):
        return assemble(kind, call["events"])
    response = call.get("response")
    if isinstance(response, list) and kind == "generate":
        return assembled(kind, [mapping(each) for each in response])
    return response if isinstance(response, dict) else None


def _answer(branch: Branch, kind: str, call: Mapping[str, Any], response: Json, at: str | None) -> None:
    step = answer_step(kind, response)
    whole = is_whole(kind, response) and not call.get("is_cut")
    step.at, step.metrics = at, _metrics(call)
    step.model = step.model or (str(call["model"]) if call.get("model") else None)
    step.extra = _extra(call) | _reason(kind, response)
    if not whole:
        step.extra["cut"] = "the stream broke off here"
    branch.add_answer(step, is_whole=whole)


def _extra(call: Mapping[str, Any]) -> Json:
    wait, took = count(call.get("wait_ms")), count(call.get("ms"))
    return (
        {"call": call.get("n")}
        | ({} if took is None else {"duration_ms": took})
        | ({"wait_ms": wait} if wait else {})
    )


def _reason(kind: str, response: Json) -> Json:
    """Why the answer ended, in the provider's words."""
    match kind:
        case "messages":
            reason = response.get("stop_reason")
        case "responses":
            reason = mapping(response.get("incomplete_details")).get("reason") or response.get("status")
        case "chat":
            reason = mapping(next(iter(sequence(response.get("choices"))), None)).get("finish_reason")
        case _:
            reason = mapping(next(iter(sequence(response.get("candidates"))), None)).get("finishReason")
    return {"stop_reason": reason} if reason else {}


def _metrics(call: Mapping[str, Any]) -> Metrics | None:
    usage, micro_usd = mapping(call.get("usage")), count(call.get("micro_usd"))
    if not usage and micro_usd is None:
        return None
    written = {name: usage[name] for name in ("cache_write", "cache_write_1h") if count(usage.get(name))}
    kinds = [count(usage.get(name)) or 0 for name in ("input", "cached", "cache_write", "cache_write_1h")]
    bound = {"is_upper_bound": True} if call.get("is_bound") else {}
    if not usage:
        return Metrics(micro_usd=micro_usd, extra=bound)
    return Metrics(sum(kinds), count(usage.get("output")), kinds[1], micro_usd, written | bound)


def _time(at: Any) -> str | None:
    """RFC 3339 of a Unix time, or of such a text."""
    try:
        if isinstance(at, int | float):
            return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return at if isinstance(at, str) and datetime.fromisoformat(at) else None
    except (ValueError, OverflowError, OSError):
        return None


def _tree(branches: Branches, main: Branch) -> AtifTrajectory:
    """The main trajectory, with each branch below the one that started it; auxiliary ones below the main one."""
    for branch in branches.all:
        models = [each.model for each in branch.trajectory.steps if each.model]
        branch.trajectory.model = models[0] if models else None
        if branch is main:
            continue
        if branch.parent is None or _is_below(branch.parent, branch):
            branch.trajectory.extra["role"] = "unlinked" if branch.tools else "auxiliary"
            main.trajectory.branches.append(branch.trajectory)
        else:
            branch.trajectory.extra["role"] = "sub-agent"
            branch.parent.trajectory.branches.append(branch.trajectory)
    main.trajectory.id = "main"
    main.trajectory.extra["source"] = "gateway"
    return main.trajectory


def _is_below(branch: Branch | None, other: Branch) -> bool:
    """Whether `branch` is `other` or below it: a branch must not become its own ancestor."""
    while branch is not None:
        if branch is other:
            return True
        branch = branch.parent
    return False
