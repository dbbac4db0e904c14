"""`python -m workers.acp --prompt FILE [--model NAME] -- PROGRAM ARGUMENTS`: one prompt to an ACP agent.

Standard output gets one JSON object a line: `session`, `update` (as the agent sent it), `permission`, and at the end
`result` with `stop_reason`, or `error` with `message`. Exit code: 0 with a result, 1 with an error, 2 for invalid
arguments, 127 where the agent cannot run here.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from acp import RequestError

from workers.acp.session import NoSessionError, SessionOrder, run_session
from workers.acp.stream import write_line

_CANNOT_RUN = 127


def main(arguments: Sequence[str]) -> int:
    """Run one prompt. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="workers.acp", allow_abbrev=False)
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--model")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    try:
        prompt = options.prompt.read_text("utf-8", "replace")
    except OSError as error:
        print(f"acp: prompt {options.prompt}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        asyncio.run(run_session(SessionOrder(options.command, prompt, options.model)))
    except NoSessionError as error:
        print(f"acp: {error}", file=sys.stderr)
        return _CANNOT_RUN
    except RequestError as error:
        return _failed(_words(error))
    except ConnectionError:
        return _failed("the agent ended before its answer")
    return 0


def _failed(message: str) -> int:
    write_line("error", message=message)
    return 1


def _words(error: RequestError) -> str:
    """The message of a JSON-RPC error with its data, where the cause is at times."""
    data = error.data if isinstance(error.data, str) else json.dumps(error.data)
    return str(error) if error.data is None else f"{error}: {data}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
