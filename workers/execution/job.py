"""The prepared execution that all of its candidates share."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workers.containers.images import Image
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.setup import Products
from workers.gateway.egress import open_egress
from workers.repository.additions import NO_ADDITIONS, Additions
from workers.sandbox.program import Rung
from workers.sandbox.proxy_variables import only_proxies
from workers.sandbox.runner import ProgramRunner
from workers.spec import WorkOrder
from workers.workcell import WorkcellDirectories


@dataclass(frozen=True)
class Job:
    """An execution that is ready to start: its commit is mirrored and its set-up done."""

    order: WorkOrder
    machine: Machine
    control: Control
    rung: Rung
    mirror: Path
    products: Products
    additions: Additions = NO_ADDITIONS
    own_rung: Rung | None = None
    """The rung of this machine's own programs, where `rung` is a container; None: `rung`."""
    image: Image | None = None
    """The image of the container."""

    def runner(self, cell: WorkcellDirectories) -> ProgramRunner:
        """The runner of a workcell's programs."""
        return self._runner(self.rung, cell)

    def own_runner(self, cell: WorkcellDirectories) -> ProgramRunner:
        """The runner of this machine's own programs on a workcell's files: Git's, never an image's."""
        return self._runner(self.own_rung or self.rung, cell)

    def _runner(self, rung: Rung, cell: WorkcellDirectories) -> ProgramRunner:
        egress = self.order.workcell.egress
        return runner_of(self.machine, rung, self.control, cell, self.products, egress)


def runner_of(
    machine: Machine,
    rung: Rung,
    control: Control,
    cell: WorkcellDirectories,
    products: Products,
    egress: Sequence[str],
) -> ProgramRunner:
    """The runner of a workcell's programs on this machine; those with the network may reach the hosts of `egress`."""
    proxies = only_proxies({**os.environ, **machine.pass_env})
    return ProgramRunner(
        rung=rung,
        control=control,
        root=cell.root,
        first_on_path=products.programs,
        worker_path=machine.path,
        reads=(*machine.sandbox_read, *products.reads),
        network_env=machine.pass_env,
        open_egress=partial(open_egress, egress, proxies),
        secrets=machine.secrets,
        hidden=(machine.work_dir, machine.archives_dir, *machine.sandbox_hide),
        guarded=(machine.work_dir / "setups", machine.mirrors_dir),
        resource_limits=machine.resource_limits,
        scratch_bytes=machine.scratch_bytes,
    )
