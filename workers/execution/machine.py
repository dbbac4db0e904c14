"""The machine of an execution: its directories, toolchains, secrets and limits."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workers.sandbox.capture import redact
from workers.sandbox.program import SCRATCH_BYTES
from workers.sandbox.watchdog import ResourceLimits
from workers.settings import WorkerSettings
from workers.spec import Sandbox, WorkOrder
from workers.toolchains.base import Toolchain
from workers.toolchains.registry import get_toolchain

if TYPE_CHECKING:
    from workers.gateway.gateway import Gateway


@dataclass(frozen=True)
class Machine:
    """Directories, toolchains, secrets and limits that executions on this machine share."""

    work_dir: Path
    archives_dir: Path
    mirrors_dir: Path
    toolchain: Callable[[str], Toolchain] = get_toolchain
    """Returns the adapter of a name. Raises `WorkerError` where there is none."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sandbox: Sandbox = "auto"
    pass_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables for programs that have the network."""
    container_engine: str = ""
    """`podman`, `docker`, a path, `none`; empty: the one that is there."""
    container_runtime: str = ""
    max_cpus: float | None = None
    sandbox_read: tuple[Path, ...] = ()
    sandbox_hide: tuple[Path, ...] = ()
    disk_reserve_bytes: int = 0
    max_disk_bytes: int | None = None
    max_memory_bytes: int | None = None
    max_processes: int | None = None
    scratch_bytes: int = SCRATCH_BYTES
    capture_bytes: int = 32 * 1024 * 1024
    max_patch_bytes: int = 8 * 1024 * 1024
    max_patch_files: int = 5000
    parallel_candidates: int = 5
    replay_dir: Path | None = None
    """Transcripts by issue id: calls of models are answered from them, without a provider."""
    path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))

    @classmethod
    def of(cls, settings: WorkerSettings) -> "Machine":
        """The machine that the settings describe."""
        return cls(
            work_dir=settings.work_dir,
            archives_dir=settings.archives_dir,
            mirrors_dir=settings.work_dir / "mirrors",
            secrets=settings.secrets,
            sandbox=settings.sandbox,
            pass_env={name: os.environ[name] for name in settings.pass_env if name in os.environ},
            container_engine=settings.container_engine,
            container_runtime=settings.container_runtime,
            max_cpus=settings.max_cpus,
            sandbox_read=settings.sandbox_read,
            sandbox_hide=settings.sandbox_hide,
            disk_reserve_bytes=settings.disk_reserve_bytes,
            max_disk_bytes=settings.max_disk_bytes,
            max_memory_bytes=settings.max_memory_bytes,
            max_processes=settings.max_processes,
            scratch_bytes=settings.scratch_bytes,
            capture_bytes=settings.capture_bytes,
            max_patch_bytes=settings.max_patch_bytes,
            max_patch_files=settings.max_patch_files,
            parallel_candidates=settings.parallel_candidates,
            replay_dir=settings.replay_dir,
        )

    @cached_property
    def gateway(self) -> "Gateway":
        """The gateway of this process, imported at its first use: a farm without agents does not load aiohttp."""
        from workers.gateway.gateway import Gateway

        secrets = self.secrets
        return Gateway(secrets, self.work_dir / "rate-limits", lambda data: redact(data, secrets.values()))

    def replay_of(self, order: WorkOrder, candidate: int) -> Path | None:
        """The transcript that answers a candidate's calls in place of a provider; None outside of a replay.

        One that is named by issue and candidate comes before that of the issue.
        """
        if self.replay_dir is None:
            return None
        issue = order.issue.get("id")
        own = self.replay_dir / f"{issue}-{candidate}.jsonl"
        return own if own.is_file() else self.replay_dir / f"{issue}.jsonl"

    @property
    def resource_limits(self) -> ResourceLimits:
        """The limits of one program on this machine."""
        return ResourceLimits(
            self.max_disk_bytes, self.max_memory_bytes, self.max_processes, self.disk_reserve_bytes
        )
