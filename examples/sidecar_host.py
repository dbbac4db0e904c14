"""Kernel with the sidecar: `python sidecar_host.py SOCKET ISSUES.jsonl`, with `planner serve --socket SOCKET` running.

It needs only the standard library and is easy to port. For each issue it prints the action to run and the record of
the decision; it executes nothing. After a timeout it falls back to a default action.
"""

import json
import socket
import sys
from pathlib import Path
from typing import Any

SECONDS = 1.0
DEFAULT = {"swarm": "serial_handoff", "candidates": 1, "minutes": 30, "iterations": "NA"}


def ask(path: str, issue: dict[str, Any]) -> dict[str, Any]:
    request = {"jsonrpc": "2.0", "id": issue["id"], "method": "predict", "params": {"issue": issue}}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        response = json.loads(connection.makefile("rb").readline())
    if "error" in response:
        raise ValueError(response["error"]["message"])
    action: dict[str, Any] = response["result"]
    return action


def main(path: str, issues: str) -> None:
    for line in Path(issues).read_text(encoding="utf-8").splitlines():
        issue = json.loads(line)
        try:
            action = ask(path, issue)
            budgets = {name: action["budgets"][f"max_{name}_bin"] for name in list(DEFAULT)[1:]}
            run, record = {"swarm": action["swarm_id"], **budgets}, action
        except (OSError, ValueError) as error:
            run, record = DEFAULT, {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"issue": issue["id"], "run": run, "planner": {"planner_action": record}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
