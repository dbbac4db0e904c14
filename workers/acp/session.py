"""One session of an agent: initialize, authenticate where it asks for that, prompt, and the reason why it stopped."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from acp import PROTOCOL_VERSION, Client, InitializeResponse, RequestError, text_block
from acp.client.connection import ClientSideConnection
from acp.connection import StreamDirection, StreamEvent
from acp.schema import ClientCapabilities, EnvVarAuthMethod, FileSystemCapabilities, Implementation
from acp.transports import spawn_stdio_transport

from workers.acp.files import SessionClient
from workers.acp.pipe import BUFFER_BYTES, only_objects
from workers.acp.stream import write_line

_AUTH_REQUIRED: Final = -32000


class NoSessionError(Exception):
    """The agent could not be started, or ended before its session began; nothing was sent to a model."""


@dataclass(frozen=True)
class SessionOrder:
    """Parameters of a session."""

    command: Sequence[str]
    prompt: str
    model: str | None
    """Selected by the session's own option for models, where the agent has one that offers it."""


async def run_session(order: SessionOrder) -> None:
    """Run one prompt in the working directory; write every update and the stop reason.

    Raises `NoSessionError`, `RequestError` where the agent reports a failure, and `ConnectionError` where it ends
    before its answer.
    """
    client = cast("Client", SessionClient(Path.cwd()))
    program, *arguments = order.command
    try:
        spawned = spawn_stdio_transport(program, *arguments, env=os.environ, stderr=None, limit=BUFFER_BYTES)
        async with spawned as (output, writer, _):
            messages = asyncio.StreamReader(limit=BUFFER_BYTES)
            copying = asyncio.create_task(only_objects(output, messages))
            agent = ClientSideConnection(client, writer, messages, observers=[_write_update])
            try:
                write_line("result", stop_reason=await _converse(agent, order))
            finally:
                copying.cancel()
                # What it has sent is read; an agent that has ended takes nothing more.
                with suppress(ConnectionError):
                    await agent.close()
    except (FileNotFoundError, PermissionError) as error:
        raise NoSessionError(f"{program}: {error.strerror}") from None


async def _converse(agent: ClientSideConnection, order: SessionOrder) -> str:
    try:
        hello = await agent.initialize(
            PROTOCOL_VERSION,
            ClientCapabilities(
                fs=FileSystemCapabilities(read_text_file=True, write_text_file=True), terminal=False
            ),
            Implementation(name="bench-farm", version="1"),
        )
    except ConnectionError:
        raise NoSessionError(f"{order.command[0]} ended before its session began") from None
    session = await _new_session(agent, hello)
    info = hello.agent_info
    write_line(
        "session",
        id=session.session_id,
        agent=None if info is None else info.name,
        version=None if info is None else info.version,
    )
    if order.model is not None:
        await _select_model(agent, session, order.model)
    answer = await agent.prompt(session.session_id, [text_block(order.prompt)])
    return str(answer.stop_reason)


async def _new_session(agent: ClientSideConnection, hello: InitializeResponse) -> Any:
    """A session in the working directory; authenticated by a key of the environment where the agent wants that."""
    cwd = str(Path.cwd())
    try:
        return await agent.new_session(cwd, mcp_servers=[])
    except RequestError as error:
        method = _key_method(hello)
        if error.code != _AUTH_REQUIRED or method is None:
            raise
    await agent.authenticate(method)
    return await agent.new_session(cwd, mcp_servers=[])


def _key_method(hello: InitializeResponse) -> str | None:
    """The authentication method that needs no person: a variable that is set, or one whose name is of an API key."""
    methods = hello.auth_methods or []
    for method in methods:
        if isinstance(method, EnvVarAuthMethod) and all(each.name in os.environ for each in method.vars):
            return method.id
    named = (each.id for each in methods if "key" in f"{each.id} {each.name}".lower())
    return next(named, None)


async def _select_model(agent: ClientSideConnection, session: Any, model: str) -> None:
    """Select a model by the session's option of that category; an agent without one keeps its own."""
    bare = model.partition("/")[2] or model
    for option in session.config_options or []:
        if getattr(option, "category", None) != "model" or option.type != "select":
            continue
        values = {value for each in option.options for value in _values(each)}
        chosen = next((name for name in (model, bare) if name in values), None)
        if chosen is not None:
            with suppress(RequestError):
                await agent.set_config_option(option.id, session.session_id, chosen)


def _values(option: Any) -> list[str]:
    """The values of an option, or of the options of a group."""
    inner = getattr(option, "options", None)
    return [str(option.value)] if inner is None else [str(each.value) for each in inner]


def _write_update(event: StreamEvent) -> None:
    """Write an incoming update as the agent sent it, with fields that this library does not know."""
    message = event.message
    if event.direction is StreamDirection.INCOMING and message.get("method") == "session/update":
        params = message.get("params")
        write_line("update", update=params.get("update") if isinstance(params, dict) else None)
