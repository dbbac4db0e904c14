"""Conversation of a candidate: from the gateway's transcript where there is one, else from the program's own output."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from workers.conversation.content import bounded
from workers.conversation.programs.acp import acp
from workers.conversation.programs.aider import aider
from workers.conversation.programs.claude import claude
from workers.conversation.programs.codex import codex
from workers.conversation.programs.copilot import copilot
from workers.conversation.programs.gemini import gemini
from workers.conversation.programs.mini import mini
from workers.conversation.programs.opencode import opencode
from workers.conversation.programs.pi import pi
from workers.conversation.programs.reading import Round, add_prompt, add_raw, read_text
from workers.conversation.steps import AtifTrajectory, Json
from workers.conversation.transcript import from_transcript
from workers.gateway.transcript import read
from workers.result import RoundResult
from workers.sandbox.capture import redact
from workers.workcell import WorkcellDirectories

FILE: Final = "conversation.json.gz"
TRANSCRIPT: Final = "transcript.jsonl.gz"
"""The file of the gateway's transcript, from which it is made."""
_READERS: Final[Mapping[str, Callable[[str, list[Round]], AtifTrajectory]]] = {
    "claude": claude,
    "qwen": claude,
    "codex": codex,
    "opencode": opencode,
    "mini-swe-agent": mini,
    "aider": aider,
    "pi": pi,
    "gemini": gemini,
    "copilot": copilot,
    "acp": acp,
}


def conversation_file(
    cell: WorkcellDirectories,
    played: Sequence[RoundResult],
    secrets: Iterable[str],
    *,
    transcript: Path | None = None,
    model: str | None = None,
) -> bytes | None:
    """The compressed conversation of a candidate; None where no round was played."""
    if not played:
        return None
    rounds = [
        Round(
            cell.logs / f"round-{number}.stdout",
            cell.inside / f"round-{number}" / "out",
            read_text(cell.inside / f"round-{number}" / "prompt.md") or None,
            each.toolchain,
        )
        for number, each in enumerate(played, 1)
    ]
    calls = read(transcript) if transcript is not None and transcript.is_file() else ()
    first = played[0]
    document = conversation_of(first.toolchain, rounds, calls, version=first.toolchain_version, model=model)
    return packed(document, secrets)


def conversation_of(
    program: str,
    rounds: Sequence[Round],
    calls: Iterable[Mapping[str, Any]] = (),
    *,
    version: str | None = None,
    model: str | None = None,
) -> Json:
    """The whole conversation of a candidate as an ATIF trajectory.

    `calls` are those of the gateway's transcript, each with its whole request; where there are none, the program's own
    output of each round is read. Everything read is untrusted: invalid data is kept as text, and nothing raises.
    """
    trajectory = from_transcript(program, version, calls) or _own(program, rounds)
    for each in trajectory.walk():
        each.version = each.version or version
        each.model = each.model or model
    document: Json = bounded(trajectory.document())
    return document


def _own(program: str, rounds: Sequence[Round]) -> AtifTrajectory:
    """The programs' own output: rounds of different programs follow each other."""
    whole: AtifTrajectory | None = None
    for name, group in groupby(rounds, lambda each: each.program or program):
        part = _READERS.get(name, _printed)(name, list(group))
        if whole is None:
            whole = part
        else:
            whole.append(part)
    whole = whole or AtifTrajectory(program)
    whole.extra["source"] = "program"
    return whole


def _printed(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The prompts and the printed text of a program whose format is not known."""
    trajectory = AtifTrajectory(program)
    for each in rounds:
        add_prompt(trajectory, each.prompt)
        text = read_text(each.stdout).strip()
        if text:
            add_raw(trajectory, text)
    return trajectory


def packed(conversation: Json, secrets: Iterable[str]) -> bytes:
    """The file of a conversation: JSON with secrets redacted, compressed; the same bytes for the same conversation."""
    return compressed(_redacted(conversation, [each for each in secrets if each]))


def compressed(conversation: Json) -> bytes:
    """The conversation as compressed JSON."""
    text = json.dumps(conversation, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "replace"), mtime=0)


def _redacted(value: Any, secrets: list[str]) -> Any:
    """`value` with secrets redacted in every text, keys included."""
    if isinstance(value, str):
        if any(each in value for each in secrets):
            return redact(value.encode("utf-8", "replace"), secrets).decode("utf-8")
        return value
    if isinstance(value, dict):
        return {_redacted(key, secrets): _redacted(each, secrets) for key, each in value.items()}
    return [_redacted(each, secrets) for each in value] if isinstance(value, list) else value


def unpacked(data: bytes) -> Json:
    """The conversation in such a file."""
    conversation: Json = json.loads(gzip.decompress(data))
    return conversation
