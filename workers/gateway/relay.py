"""Relay of bytes between two connections, with backpressure, half-close and an idle timeout."""

import asyncio

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK = 65536


class _Activity:
    """When the last byte passed, in seconds of the event loop's clock."""

    def __init__(self) -> None:
        self.at = asyncio.get_running_loop().time()

    def touch(self) -> None:
        self.at = asyncio.get_running_loop().time()


async def relay(first: Stream, second: Stream, idle_seconds: float) -> None:
    """Pass bytes both ways until both have ended, one fails, or none passed for `idle_seconds`.

    Each direction holds at most about 200 KiB: the faster side waits for the slower. Closes neither connection.
    """
    activity = _Activity()
    pumps = {
        asyncio.ensure_future(_pump(first[0], second[1], activity)),
        asyncio.ensure_future(_pump(second[0], first[1], activity)),
    }
    waiting = pumps
    try:
        while waiting:
            left = activity.at + idle_seconds - asyncio.get_running_loop().time()
            if left <= 0:
                return
            done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if any(pump.exception() is not None for pump in done):
                return
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, activity: _Activity) -> None:
    while data := await reader.read(_CHUNK):
        activity.touch()
        writer.write(data)
        await writer.drain()
        activity.touch()
    if writer.can_write_eof():
        writer.write_eof()
