"""`python -m workers.repair`: one round of repair, configured by the `BENCH_*` variables."""

import os
import signal
import sys
from types import FrameType

from workers.repair.errors import RepairError, Stopped
from workers.repair.order import process_started, read_order, write_result


def _stop(_signum: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def main() -> int:
    """Run one round. Returns exit code 0 where the round completed, whatever its result; 2 for an invalid order."""
    started = process_started()
    signal.signal(signal.SIGTERM, _stop)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream, as Python opens it
    try:
        order = read_order(os.environ, started)
    except RepairError as error:
        print(f"repair: {error}", file=sys.stderr)
        return 2
    except Stopped:
        return 0
    try:
        from workers.repair.round import run_round

        status, message = run_round(order, started, print)
    except Stopped:
        status, message = "failed", "stopped by a signal before any candidate was tried"
    write_result(order.result, status, message)
    print(f"{status}: {message}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
