"""Adapter `repair`: the built-in program repairer, which needs no model, no key and no network."""

import dataclasses
import json
import sys
from importlib import metadata
from pathlib import Path

from planner.system.own_module import module_command
from workers.repair.order import HIDDEN_COMMANDS
from workers.spec import ToolchainRef
from workers.toolchains import contract
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.surroundings import environment


class Repair:
    """`python -m workers.repair`, with the same variables as `command`; it costs compute minutes only."""

    name = "repair"
    uses_provider = False
    capability = Capability(budget_blind=False)

    def provider(self, ref: ToolchainRef) -> str | None:
        """None: it needs no model."""
        return None

    def executable(self, ref: ToolchainRef) -> str:
        return sys.executable

    def version(self, ref: ToolchainRef) -> str | None:
        try:
            return metadata.version("bench-farm")
        except metadata.PackageNotFoundError:
            return None

    def invocation(self, context: RoundContext) -> Invocation:
        return Invocation(
            argv=tuple(module_command("workers.repair")),
            env=environment(
                context,
                **contract.variables(context),
                **_hidden_commands(context),
                PYTHONHASHSEED="0",
                PYTHONDONTWRITEBYTECODE="1",
            ),
            network=bool(context.ref.network),
            no_output_seconds=context.ref.no_output_seconds,
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return 0

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return None

    def report(self, context: RoundContext, finished: Finished) -> Report:
        result = contract.report(context, finished, blame="infra")
        if finished.ended_by == "exit" and finished.exit_code and result.status == "failed":
            # A completed round has exit code 0, whatever its result.
            result = dataclasses.replace(result, status="error", error_class="infra")
        if result.status == "error":
            result = dataclasses.replace(result, fail_code="cannot_try")
        return dataclasses.replace(result, micro_usd=0, is_lower_bound=False, tokens_in=None, tokens_out=None)


def _hidden_commands(context: RoundContext) -> dict[str, str]:
    """In the environment and in no file: a later round of another toolchain can read the files of this one."""
    return {HIDDEN_COMMANDS: json.dumps(context.hidden_commands)} if context.hidden_commands else {}
