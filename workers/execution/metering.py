"""Metering of a candidate: its door in the gateway, its endpoints, and the money and waits of each round."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workers.errors import WorkerError
from workers.execution.job import Job
from workers.gateway.checks import refusal_of
from workers.gateway.door import Bill, DoorSpec
from workers.gateway.providers import provider_named
from workers.halt import HaltError
from workers.result import RoundResult
from workers.sandbox.program import DoorMount
from workers.spec import ProviderOptions, ToolchainRef
from workers.toolchains.base import Finished, ProviderEndpoint, Report, Toolchain
from workers.untrusted import one_line

if TYPE_CHECKING:
    from workers.gateway.gateway import Door

_MOST_PATIENCE = 3
CROSS_CHECK = 0.01
"""A program's own figure that differs by more than this share from the metered one is reported."""


@dataclass(frozen=True)
class Metering:
    """The door of a candidate; None where none of its toolchains uses the gateway."""

    door: "Door | None" = None
    wait_in_budget: bool = True
    patience_seconds: float = 0.0

    def endpoint(self, toolchain: Toolchain, ref: ToolchainRef) -> ProviderEndpoint | None:
        """Where a round's program reaches its provider; None: its own defaults."""
        provider = toolchain.provider(ref)
        if provider is not None and self.door is not None and is_metered(toolchain, ref):
            return self.door.endpoint(provider)
        return None if ref.base_url is None else ProviderEndpoint(provider or "", ref.base_url)

    def without_door(self) -> "Metering":
        """For a round whose toolchain does not use the gateway."""
        return Metering(None, self.wait_in_budget, self.patience_seconds)

    @property
    def mounts(self) -> tuple[DoorMount, ...]:
        """What the sandbox of a metered program must forward to."""
        return () if self.door is None else self.door.mounts

    def begin_round(self) -> Bill:
        """The bill before a round; an empty one without a door."""
        return Bill() if self.door is None else self.door.begin_round()

    def bill(self) -> Bill:
        """A snapshot of the candidate's bill; an empty one without a door."""
        return Bill() if self.door is None else self.door.bill()

    def free_seconds(self) -> float:
        """Time that does not count against the candidate's wall clock."""
        if self.wait_in_budget:
            return 0.0
        # A candidate can make its provider limit it: that extends its time only so far.
        return min(self.bill().wait_ms / 1000, _MOST_PATIENCE * self.patience_seconds)


def is_metered(toolchain: Toolchain, ref: ToolchainRef) -> bool:
    """Whether the calls of this toolchain pass through the gateway."""
    return ref.gateway and toolchain.capability.metered and toolchain.provider(ref) is not None


@contextmanager
def metered(job: Job, index: int, name: str, max_micro_usd: int, transcript: Path) -> Iterator[Metering]:
    """The metering of one candidate; at the end every call of it is settled. Raises `HaltError`."""
    options = job.order.workcell.provider or ProviderOptions()
    try:
        upstreams = _upstreams(job)
        if not upstreams:
            yield Metering()
            return
        spec = DoorSpec(
            name,
            max_micro_usd,
            upstreams,
            _models(job.order.workcell.toolchains),
            options.patience_seconds,
            options.stall_seconds,
            transcript,
            job.machine.replay_of(job.order, index),
        )
        with job.machine.gateway.open_door(spec, tcp=not job.rung.own_network) as door:
            yield Metering(door, options.wait_in_budget, options.patience_seconds)
    except WorkerError as error:
        raise HaltError("infra", str(error)) from None


def _upstreams(job: Job) -> dict[str, str]:
    """Base URLs by provider. Raises `WorkerError` for a toolchain that this machine cannot meter."""
    upstreams: dict[str, str] = {}
    for ref in job.order.workcell.toolchains:
        toolchain = job.machine.toolchain(ref.name)
        if not is_metered(toolchain, ref):
            continue
        refusal = refusal_of(ref, toolchain, job.machine.secrets)
        if refusal is not None and job.machine.replay_dir is None:
            raise WorkerError(refusal)
        provider = provider_named(toolchain.provider(ref) or "")
        base_url = ref.base_url or provider.base_url
        if upstreams.setdefault(provider.name, base_url) != base_url:
            raise WorkerError(
                f"toolchain {ref.name}: provider {provider.name} has two base URLs in one workcell; give one of them "
                "a `provider` name of its own"
            )
    return upstreams


def _models(refs: Sequence[ToolchainRef]) -> frozenset[str]:
    """Bare names of the models of these toolchains; empty where one leaves its model to the program."""
    names = [(ref.model or "").rsplit("/", 1)[-1].lower() for ref in refs]
    return frozenset(names) if all(names) else frozenset()


def judged(report: Report, finished: Finished, bill: Bill) -> Report:
    """The report, overridden by what the gateway saw: its own costs stay, as a cross-check."""
    if bill.refusal is not None and finished.is_stopped:
        return dataclasses.replace(
            report, status="error", error_class="killed_by_cap", message=one_line(bill.refusal)
        )
    failure = bill.failure or (bill.trouble if finished.ended_by in ("budget", "silence") else None)
    if failure is not None:
        return dataclasses.replace(
            report,
            status="error",
            error_class="provider",
            message=one_line(f"its provider failed: {failure}"),
        )
    if bill.refusal is not None:
        return dataclasses.replace(
            report, status="error", error_class="killed_by_cap", message=one_line(bill.refusal)
        )
    if bill.problem is not None and not finished.is_stopped:
        return dataclasses.replace(report, status="failed", error_class=None, fail_code=bill.problem)
    return report


def with_bill(played: RoundResult, before: Bill, after: Bill) -> RoundResult:
    """The round with the money, calls and waits that the gateway counted for it."""
    spent = after.micro_usd - before.micro_usd
    return played.model_copy(
        update={
            "usd_metered": spent,
            "usd_at_least": None,
            "tokens_in": after.tokens_in - before.tokens_in,
            "tokens_out": after.tokens_out - before.tokens_out,
            "model_calls": after.calls - before.calls,
            "provider_wait_ms": after.wait_ms - before.wait_ms,
            "warnings": [
                *played.warnings,
                *_warnings(played, spent, is_bound=after.upper_bound and not before.upper_bound),
                *(
                    f"the gateway refused {one_line(each)}"
                    for each in after.denied
                    if each not in before.denied
                ),
            ],
        }
    )


def _warnings(played: RoundResult, spent: int, *, is_bound: bool) -> list[str]:
    own = played.usd_reported if played.usd_reported is not None else played.usd_priced
    warnings = []
    if is_bound:
        warnings.append(
            "an answer broke off or had no usage: it is charged at the most that it can have cost"
        )
    elif own is not None and abs(own - spent) > CROSS_CHECK * max(own, spent):
        warnings.append(
            f"the program's own figure ${own / 1e6:.6f} differs from the metered ${spent / 1e6:.6f}"
        )
    return warnings
