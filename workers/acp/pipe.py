"""Line filter between an agent's standard output and the protocol's parser, which ends at anything but JSON objects."""

import asyncio
import json

BUFFER_BYTES = 64 * 1024 * 1024
"""The longest message of an agent."""


async def only_objects(source: asyncio.StreamReader, target: asyncio.StreamReader) -> None:
    """Copy the lines that are JSON objects; agents print warnings and banners, too."""
    try:
        while line := await source.readline():
            if _is_object(line):
                target.feed_data(line)
    except ValueError:
        pass  # a line longer than the buffer: no message after it can be trusted
    finally:
        target.feed_eof()


def _is_object(line: bytes) -> bool:
    if line.lstrip()[:1] != b"{":
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
