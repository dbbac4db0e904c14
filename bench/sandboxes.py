"""Summary lines for reports: how many executions ran in which sandbox."""

from collections.abc import Mapping

from workers.sandbox.ladder import weakness


def counted(executions: Mapping[str, int]) -> str:
    """Executions by sandbox as text: `bwrap 12, unshare 3`."""
    return ", ".join(f"{rung} {count}" for rung, count in sorted(executions.items()))


def sandbox_lines(executions: Mapping[str, int]) -> list[str]:
    """Executions by sandbox, then a warning for each rung below bubblewrap; empty where none ran."""
    if not executions:
        return []
    lines = [f"sandbox of {sum(executions.values())} executions: {counted(executions)}"]
    for rung, count in sorted(executions.items()):
        if (lack := weakness(rung)) is not None:
            lines.append(f"! {count} ran below bubblewrap: {lack}")
    return lines
