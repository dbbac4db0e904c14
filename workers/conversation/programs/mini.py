"""Conversation from mini-swe-agent's trajectory file, or else from the text that it prints."""

import re
from typing import Any

from workers.conversation.dialects import chat_message, item
from workers.conversation.programs.reading import Round, add_prompt, iso, read_text
from workers.conversation.steps import AtifStep, AtifTrajectory, Json, Metrics, Result
from workers.untrusted import count, dollars, mapping, micro, parse_json, sequence

_HEADING = re.compile(
    r"^(?P<who>System|User|Tool|Exit|Assistant|mini-swe-agent \(step \d+, \$[\d.]+\)):$", re.MULTILINE
)
_RULE = re.compile(r"^─+$", re.MULTILINE)


def mini(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in the trajectories; in the printed text of a round without one."""
    trajectory = AtifTrajectory(program)
    for each in rounds:
        document = mapping(parse_json(read_text(each.out / "trajectory.json") or "null"))
        if document:
            info = mapping(document.get("info"))
            trajectory.version = str(info.get("mini_version") or "") or trajectory.version
            for message in sequence(document.get("messages")):
                _add(trajectory, mapping(message))
        else:
            _printed(trajectory, each)
    return trajectory


def _add(trajectory: AtifTrajectory, message: Json) -> None:
    extra = mapping(message.get("extra"))
    response, at = mapping(extra.get("response")), iso(extra.get("timestamp"))
    if isinstance(message.get("output"), list):
        steps = [step for each in message["output"] for step in item(mapping(each))]
    elif message.get("type") is not None and message.get("role") is None:
        steps = item(message)
    else:
        steps = chat_message(message)
    for number, step in enumerate(steps):
        step.at = at
        if step.source == "agent" and number == 0:
            step.model = str(response.get("model") or "") or None
            step.metrics = _metrics(mapping(response.get("usage")), extra)
            _name_actions(step, extra)
        if message.get("role") == "exit":
            step.text = str(extra.get("submission") or step.text)
            step.extra["exit_status"] = extra.get("exit_status")
        if extra.get("exception_str"):
            step.extra["exception"] = extra["exception_str"]
        trajectory.add(step)


def _name_actions(step: AtifStep, extra: Json) -> None:
    """Commands of a model that writes them in its text are in no tool call."""
    actions = [mapping(each) for each in sequence(extra.get("actions"))]
    if actions and not step.calls:
        step.extra["actions"] = [each.get("command") for each in actions]


def _metrics(usage: Json, extra: Json) -> Metrics | None:
    given, out = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    cost = micro(dollars(extra.get("cost"))) or None
    if given is None and out is None and cost is None:
        return None
    cached: Any = mapping(usage.get("prompt_tokens_details")).get("cached_tokens")
    return Metrics(given, out, count(cached), cost)


def _printed(trajectory: AtifTrajectory, each: Round) -> None:
    """Steps by the headings of the printed text, whose lines are wrapped."""
    text = read_text(each.stdout)
    marks = list(_HEADING.finditer(text))
    if not marks:
        add_prompt(trajectory, each.prompt)
    start = marks[0].start() if marks else len(text)
    if text[:start].strip():
        trajectory.add(AtifStep("system", text[:start].strip(), extra={"raw": True}))
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        words = _RULE.sub("", text[mark.end() : end]).strip()
        who = mark["who"]
        extra: Json = {"wrapped": "printed at 80 columns"}
        if who == "Tool" and trajectory.steps and trajectory.steps[-1].source == "agent":
            trajectory.steps[-1].results.append(Result("", "", words))
            continue
        is_agent = who.startswith("mini-swe-agent") or who == "Assistant"
        trajectory.add(
            AtifStep("agent" if is_agent else "user" if who == "User" else "system", words, extra=extra)
        )
