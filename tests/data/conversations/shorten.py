"""Make a transcript fixture: calls as recorded by a proxy (JSON lines), shortened, in the gateway's format."""

import json
import sys
from pathlib import Path
from typing import Any

from workers.conversation.transcript import call_kind
from workers.gateway.transcript import TranscriptWriter, history_key, stored_body
from workers.gateway.usage import UsageTally
from workers.prices.table import price

LIMIT = 400
UNPRICED = 2500
"""Micro-dollars of a call of a model without a price."""


def text(value: str) -> str:
    return value if len(value) <= LIMIT else f"{value[:LIMIT]} [{len(value) - LIMIT} characters left out]"


def short(value: Any) -> Any:
    """`value` with long texts cut."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [short(each) for each in value]
    return {key: short(each) for key, each in value.items()} if isinstance(value, dict) else value


def shortened(kind: str, request: dict[str, Any]) -> dict[str, Any]:
    """The request without what is no conversation, and with its tools as names."""
    names = [{"name": tool_name(each)} for each in request.get("tools", [])]
    rest = {
        key: value for key, value in request.items() if key not in ("tools", "metadata", "client_metadata")
    }
    tools = [{"type": "function", "function": each} for each in names] if kind == "chat" else names
    return {**short(rest), **({"tools": tools} if tools else {})}


def tool_name(tool: dict[str, Any]) -> str:
    declared = tool.get("functionDeclarations") or []
    inner = declared[0] if declared else tool.get("function", tool)
    return str(inner.get("name") or inner.get("type"))


def main(recorded: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    writer = TranscriptWriter(target, lambda line: line.replace(str(recorded.parent).encode(), b"/cell"))
    for line in recorded.read_text().splitlines():
        call = json.loads(line)
        kind = call_kind(call)
        body = call["events"] or json.dumps(call["response"], ensure_ascii=False)
        tally = UsageTally(kind)  # type: ignore[arg-type]
        if call["events"]:
            for event in body.split("\n\n"):
                tally.feed(event.partition("data: ")[2].encode())
        else:
            tally.add(call["response"])
        model = call["request"].get("model") or call["path"].partition("models/")[2].partition(":")[0]
        ok = call["status"] == 200
        tokens = tally.tokens if ok else None
        entry = {
            "provider": "scripted",
            "dialect": "scripted",
            "path": call["path"],
            "model": model,
            "request": shortened(str(kind), call["request"]),
            "at": call["at"],
            "status": call["status"],
        }
        answer = {
            **stored_body("text/event-stream" if call["events"] else "application/json", body),
            "usage": None if tokens is None else vars(tokens),
            "micro_usd": None if tokens is None else price(model, tokens) or UNPRICED,
            "is_bound": False,
            "is_cut": not tally.is_complete,
            "wait_ms": 0,
        }
        history = entry["request"].get(history_key(str(kind)))
        marks = [json.dumps(each).encode() for each in history] if isinstance(history, list) else []
        writer.write(str(kind), {**entry, **(answer if ok else {"error": body})}, tuple(marks))
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
