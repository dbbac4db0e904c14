"""Adapter `acp`: any agent of the Agent Client Protocol, by configuration; the client of the protocol is our own."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from planner.system.own_module import module_command
from workers.errors import WorkerError
from workers.gateway.providers import Provider, provider_named
from workers.spec import ToolchainRef
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.endpoint import Reach, client_variables, reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    error_text,
    exit_words,
    finish,
    network,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.untrusted import mapping, one_line

_MODELS: Final = {"anthropic": "ANTHROPIC_MODEL", "openai": "OPENAI_MODEL", "gemini": "GEMINI_MODEL"}


class AcpTally:
    """Events of one session: the stop reason, an error, and whether anything was done."""

    def __init__(self) -> None:
        self.stop_reason: str | None = None
        self.error: str | None = None
        self.has_worked = False
        self.agent = ""

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "update":
                self.has_worked = self.has_worked or _is_work(mapping(event.get("update")))
            case "result":
                self.stop_reason = one_line(event.get("stop_reason"), 40)
            case "error":
                self.error = one_line(event.get("message")) or "error"

    @property
    def result_count(self) -> int | None:
        """1 after the stop reason or the error."""
        return None if self.stop_reason is None and self.error is None else 1

    def verdict(self, finished: Finished) -> Report:
        """The report by the stop reason or the error."""
        if self.error is not None:
            return provider.failure(self.error, "error")
        match self.stop_reason:
            case None:
                return provider.failure(error_text(finished), f"no result, {exit_words(finished)}")
            case "end_turn":
                if self.has_worked:
                    return Report("success", message="ended its turn")
                return Report("failed", message="the answer is empty")
            case "refusal":
                return provider.refused()
            case "max_turn_requests":
                return Report("partial", message="stopped at its turn limit")
            case "max_tokens":
                return Report("failed", message="the answer was cut off at the output limit")
            case "cancelled":
                return Report("failed", message="the agent cancelled its turn")
        return Report("error", "provider", f"unknown stop reason {self.stop_reason}")


class Acp(ModelDrivenToolchain):
    """`python -m workers.acp` around the program of `argv`; it reports no cost, so only the gateway counts it."""

    name = "acp"
    capability = Capability(metered=True, argv=True)

    def __init__(self) -> None:
        self._follower = Follower(AcpTally)

    def executable(self, ref: ToolchainRef) -> str:
        """The agent itself. Raises `WorkerError` without `argv`."""
        return command(ref)[0]

    def version(self, ref: ToolchainRef) -> str | None:
        """None: a program that does not know `--version` would start to work. The stream names the agent's version."""
        return None

    def invocation(self, context: RoundContext) -> Invocation:
        arguments = ["--prompt", str(context.prompt)]
        if context.ref.model is not None:
            arguments += ["--model", context.ref.model]
        access = self._reach(context)
        return Invocation(
            argv=tuple(module_command("workers.acp", *arguments, "--", *command(context.ref))),
            env=environment(context, PYTHONDONTWRITEBYTECODE="1", **access.env),
            secrets=access.secrets,
            # Without a provider it counts as a program that cannot spend, so the network has to be asked for.
            network=bool(context.ref.network) if self.provider(context.ref) is None else network(context),
            no_output_seconds=silence(context.ref),
        )

    def _reach(self, context: RoundContext) -> Reach:
        name = self.provider(context.ref)
        if name is None:
            return Reach()
        owner = provider_named(name)
        urls, keys = client_variables(owner)
        access = reach(context, url=(*urls, "LLM_BASE_URL"), key=(*keys, "LLM_API_KEY"), secrets=owner.keys)
        return Reach({**access.env, **_goose(owner, context), **_model(owner, context)}, access.secrets)

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return None

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, AcpTally())
        usage = Usage(has_worked=tally.has_worked)
        return finish(finished, tally.verdict(finished), usage, tally.error or "")


def _is_work(update: dict[str, Any]) -> bool:
    """Whether an update is of a tool call, or of an answer that is not empty."""
    kind, content = update.get("sessionUpdate"), mapping(update.get("content"))
    return kind == "tool_call" or (kind == "agent_message_chunk" and content.get("text") != "")


def command(ref: ToolchainRef) -> list[str]:
    """The agent's program and arguments. Raises `WorkerError` where the reference has none."""
    if not ref.argv:
        raise WorkerError(
            'toolchain acp has no argv: give the agent and its arguments, such as argv: ["goose", "acp"]'
        )
    return ref.argv


def _goose(owner: Provider, context: RoundContext) -> dict[str, str]:
    """Goose's own variables for OpenAI's dialect: it wants host and path apart."""
    url = None if context.endpoint is None else context.endpoint.url
    if url is None or owner.dialect != "openai":
        return {}
    parts = urlsplit(url)
    path = f"{parts.path}/chat/completions".lstrip("/")
    return {"OPENAI_HOST": f"{parts.scheme}://{parts.netloc}", "OPENAI_BASE_PATH": path}


def _model(owner: Provider, context: RoundContext) -> dict[str, str]:
    """The model's name as the usual clients read it: without the provider's, save for LiteLLM's."""
    model = context.ref.model
    if model is None:
        return {}
    bare = model.removeprefix(f"{owner.name}/")
    return {**dict.fromkeys((_MODELS[owner.dialect], "GOOSE_MODEL"), bare), "LLM_MODEL": model}
