"""Settings of one machine of the farm, passed to the Celery process in environment variables."""

import hashlib
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from workers.errors import WorkerError
from workers.node.token import machine_token

_TAG = re.compile(r"[A-Za-z0-9_.-]{1,90}")
_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")


@dataclass(frozen=True)
class NodeSettings:
    """One machine: addresses of the farm, identity and capabilities of the machine."""

    database_url: str
    broker_url: str
    machine_id: str
    capabilities: tuple[str, ...]
    concurrency: int
    run_dir: Path
    """Private to this machine: lease notes and leaving flags."""
    sandbox: str = ""
    """The best sandbox that executions find here; empty: not known."""
    generation: str = ""
    """Identifies one Celery process of this machine."""

    def environment(self) -> dict[str, str]:
        """The variables from which `from_environment` builds the same settings."""
        return {
            "BENCH_DATABASE_URL": self.database_url,
            "BENCH_BROKER_URL": self.broker_url,
            "BENCH_MACHINE_ID": self.machine_id,
            "BENCH_CAPABILITIES": ",".join(self.capabilities),
            "BENCH_CONCURRENCY": str(self.concurrency),
            "BENCH_RUN_DIR": str(self.run_dir),
            "BENCH_OFFERED_SANDBOX": self.sandbox,
            "BENCH_GENERATION": self.generation,
        }

    @classmethod
    def from_environment(cls) -> "NodeSettings":
        """The settings that the supervisor passed on. Raises `WorkerError` where a variable is missing."""
        try:
            return cls(
                database_url=os.environ["BENCH_DATABASE_URL"],
                broker_url=os.environ["BENCH_BROKER_URL"],
                machine_id=os.environ["BENCH_MACHINE_ID"],
                capabilities=tuple(os.environ["BENCH_CAPABILITIES"].split(",")),
                concurrency=int(os.environ["BENCH_CONCURRENCY"]),
                run_dir=Path(os.environ["BENCH_RUN_DIR"]),
                sandbox=os.environ["BENCH_OFFERED_SANDBOX"],
                generation=os.environ["BENCH_GENERATION"],
            )
        except KeyError as error:
            raise WorkerError(f"{error.args[0]} is not set; start workers with: bench worker") from error

    @property
    def machine_token(self) -> UUID:
        """The secret that authenticates this machine; in its run directory, never in an environment."""
        return machine_token(self.run_dir)

    @property
    def leaving_flag(self) -> Path:
        """A file that exists once this Celery process drains: it releases its leases and ends."""
        return self.run_dir / f"leaving.{self.generation}"


def capabilities_of(toolchains: list[str], tags: list[str]) -> tuple[str, ...]:
    """The capabilities of a machine with these toolchains and tags, named as `needs_of` does."""
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise WorkerError(f"--tags: {tag!r} is not a tag; use letters, digits, dot, dash and underscore")
    return tuple(sorted({*toolchains, *(f"tag:{tag}" for tag in tags)}))


def check_machine_id(name: str) -> None:
    """Raises `WorkerError` for an invalid machine id; it is also the name of a directory."""
    if not _MACHINE.fullmatch(name):
        raise WorkerError(
            f"--machine-id: {name!r} is no name; use up to 128 letters, digits and . _ : @ + -, a letter or digit first"
        )


def default_machine_id(run_dir: Path) -> str:
    """A machine id of host and directory: stable over restarts, different for two workers of one host."""
    mark = hashlib.sha256(str(run_dir.resolve()).encode()).hexdigest()[:6]
    return f"{socket.gethostname()}-{mark}"
