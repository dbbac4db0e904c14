"""A stream runs only while its process is the leader."""

import threading
from typing import Any

import pytest

from bench.errors import FailureError
from bench.stream.loop import run_stream


def test_a_stream_whose_process_is_not_the_leader_starts_nothing_more() -> None:
    unused: Any = None
    with pytest.raises(FailureError, match="another bench run works on stream s-1"):
        run_stream(unused, unused, "s-1", threading.Event(), unused, once=False, is_leader=lambda: False)
