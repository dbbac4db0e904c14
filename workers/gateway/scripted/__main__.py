"""Command line of the scripted model server: serves on loopback until it is stopped."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from workers.gateway.scripted.edits import CALC, load_edits
from workers.gateway.scripted.scenarios import SCENARIOS
from workers.gateway.scripted.server import ScriptedModels


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; the first line of standard output is the base URL."""
    listing = "\n".join(f"  {each.name:22} {each.about}" for each in SCENARIOS.values())
    parser = argparse.ArgumentParser(
        prog="python -m workers.gateway.scripted",
        description="Scripted model server on loopback. The key sk-lab-<scenario>-<run> chooses a scenario.",
        epilog=f"scenarios:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ledger", type=Path, help="append each call to this file, as JSON lines")
    parser.add_argument("--edits", type=Path, help="JSON list of {path, before, after}, one line each")
    chosen = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        edits = CALC if chosen.edits is None else load_edits(chosen.edits)
        with ScriptedModels(chosen.ledger, edits=edits, port=chosen.port) as server:
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()
            ended.wait()
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
