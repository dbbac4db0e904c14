"""Capability classes: the capabilities that an execution needs of a machine, as one queue's name."""

from workers.spec import Workcell


def needs_of(workcell: Workcell) -> tuple[str, ...]:
    """What a machine must have to run `workcell`: its toolchains by name, its machine tags as `tag:<name>`."""
    tags = {*workcell.tags, *(tag for ref in workcell.toolchains for tag in ref.tags)}
    return tuple(sorted({*(ref.name for ref in workcell.toolchains), *(f"tag:{tag}" for tag in tags)}))


def class_name(needs: tuple[str, ...]) -> str:
    """The name of the class, and of its queue."""
    return "+".join(needs)
