"""The sandboxes in which a bench will run, resolved before it is stored."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.sandboxes import counted
from db.repositories.machines import MachineRow
from db.repositories.new_bench import NewBench
from workers.classes import is_container
from workers.containers.engine import INSTALL, find_engine
from workers.containers.images import ensure_image, images_directory
from workers.sandbox import ladder
from workers.settings import WorkerSettings
from workers.spec import Sandbox, ToolchainRef
from workers.toolchains.registry import get_toolchain

Json = dict[str, Any]


@dataclass(frozen=True)
class Sandboxes:
    """The sandboxes of a bench, by what is asked for and what the machines offer."""

    asked: Mapping[str, int]
    """Cases by what their workcell asks for."""
    here: Mapping[str, int] | None
    """Cases by rung where this machine does the work; None in a fleet."""
    machines: Mapping[str, int]
    """The fleet's machines by the sandbox they registered with; empty where this machine does the work."""
    networked: Sequence[str]
    """Toolchains that get the network."""
    egress: Sequence[str] = ()
    """Hosts that they may reach where the sandbox has a network of its own; empty: every public address."""
    images: Mapping[str, int] = field(default_factory=dict)
    """Cases by container image."""
    container_machines: int = 0
    """The fleet's machines that run containers."""

    def document(self) -> Json:
        """For programs."""
        return {
            "asked": dict(self.asked),
            "here": None if self.here is None else dict(self.here),
            "machines": dict(self.machines),
            "network": list(self.networked),
            **({"images": dict(self.images)} if self.images else {}),
        }

    def lines(self) -> list[str]:
        """For people: where it runs, and what that sandbox does not isolate."""
        rungs = self.machines if self.here is None else self.here
        lines = [self._offered()] if self.here is None else []
        lines += [
            ladder.weakness(rung) or f"sandbox {rung}" for rung in rungs if self.here or ladder.weakness(rung)
        ]
        lines += [
            f"image {name}: {count} case{'s' * (count != 1)}" for name, count in sorted(self.images.items())
        ]
        if self.images and self.here is None and not self.container_machines:
            lines.append(f"image: no machine that is present runs containers; on one of them: {INSTALL}")
        if self.here is None and self.asked.get("none"):
            lines.append("sandbox: none is asked for: it holds on machines without BENCH_SANDBOX=bwrap")
        if self.networked:
            lines += self._reached(rungs)
        return lines

    def _reached(self, rungs: Collection[str]) -> list[str]:
        """What the toolchains with the network reach, by the sandboxes in which they may run."""
        names, shared = (
            ", ".join(self.networked),
            [rung for rung in rungs if not ladder.has_own_network(rung)],
        )
        hosts = f"only {', '.join(self.egress)} (`egress`)" if self.egress else "every public address"
        lines = [
            f"network: {names} can reach {hosts}, and no other service of the machine or its local network"
        ]
        if not shared:
            return lines
        everything = (
            f"network: in sandbox {', '.join(shared)} {names} can reach all that the machine can, its own services "
            "on 127.0.0.1 included"
        )
        return [everything] if len(shared) == len(rungs) else [*lines, everything]

    def _offered(self) -> str:
        if not self.machines:
            return "sandbox: no machine is there to say which it has"
        return f"sandbox: the machines offer {counted(self.machines)}"


def check_here(asked: Iterable[Sandbox]) -> list[str]:
    """The sandbox for each demand on this machine. Raises `SandboxMissingError` with the ways out."""
    own = WorkerSettings.from_environment(with_secrets=False).sandbox
    return [ladder.choose(ladder.strictest(demand, own)).name for demand in asked]


def image_here(reference: str) -> str:
    """The reference of an image with its digest on this machine, which pulls it where it lacks it.

    Raises `EngineMissingError` or `ImageError` with one line.
    """
    settings = WorkerSettings.from_environment(with_secrets=False)
    engine = find_engine(settings.container_engine, settings.container_runtime)
    image = ensure_image(engine, reference, images_directory(settings.work_dir))
    return f"{image.name}@{image.digest}"


def sandboxes_of(plan: NewBench, machines: Sequence[MachineRow] | None) -> Sandboxes:
    """The sandboxes of a plan's cases; `machines` are the fleet's, None where this machine does the work."""
    asked = [case.workcell["sandbox"] for case in plan.cases if not case.workcell.get("image")]
    images = Counter(image for case in plan.cases if (image := case.workcell.get("image")))
    present = [machine for machine in machines or () if machine.is_present]
    return Sandboxes(
        asked=Counter(asked),
        here=_here(asked, images.total()) if machines is None else None,
        machines=Counter(machine.sandbox or "unknown" for machine in present),
        networked=_networked(plan),
        egress=_egress(plan),
        images=images,
        container_machines=sum(any(map(is_container, machine.capabilities)) for machine in present),
    )


def _here(asked: Sequence[Sandbox], in_containers: int) -> Counter[str]:
    rungs = Counter(check_here(asked))
    if in_containers:
        rungs["container"] = in_containers
    return rungs


def _networked(plan: NewBench) -> list[str]:
    refs = [ToolchainRef.model_validate(ref) for case in plan.cases for ref in case.workcell["toolchains"]]
    return sorted({ref.name for ref in refs if _has_network(ref)})


def _egress(plan: NewBench) -> list[str]:
    """The hosts that any case names; empty where one case names none, which leaves every public address open."""
    lists = [case.workcell.get("egress") or [] for case in plan.cases]
    return sorted({host for hosts in lists for host in hosts}) if all(lists) else []


def _has_network(ref: ToolchainRef) -> bool:
    """Whether a toolchain gets the network: agents without the gateway, any other where the config allows it."""
    if ref.network is not None:
        return ref.network
    toolchain = get_toolchain(ref.name)
    is_metered = ref.gateway and toolchain.capability.metered
    return ref.name != "command" and toolchain.uses_provider and not is_metered
