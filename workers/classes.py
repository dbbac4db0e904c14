"""Capability classes: the capabilities that an execution needs of a machine, as one queue's name."""

from collections.abc import Sequence
from typing import Final

from workers.spec import Workcell

_CONTAINER: Final = "container:"


def needs_of(workcell: Workcell) -> tuple[str, ...]:
    """What a machine must have to run `workcell`: its toolchains by name, its machine tags as `tag:<name>`.

    With an image the programs are the image's, and a toolchain is needed as `container:<name>`.
    """
    tags = {*workcell.tags, *(tag for ref in workcell.toolchains for tag in ref.tags)}
    names = {ref.name for ref in workcell.toolchains}
    if workcell.image is not None:
        names = {in_container(name) for name in names}
    return tuple(sorted({*names, *(f"tag:{tag}" for tag in tags)}))


def in_container(toolchain: str) -> str:
    """The capability of a machine that can run a toolchain in a container of an image that brings it."""
    return f"{_CONTAINER}{toolchain}"


def is_container(capability: str) -> bool:
    """Whether a machine with this capability runs containers."""
    return capability.startswith(_CONTAINER)


def briefly(capabilities: Sequence[str]) -> str:
    """Capabilities as text for people: those of containers, which are one for each toolchain, in one word."""
    plain = [each for each in capabilities if not is_container(each)]
    return " ".join([*plain, *(["containers"] if len(plain) < len(capabilities) else [])])


def class_name(needs: tuple[str, ...]) -> str:
    """The name of the class, and of its queue."""
    return "+".join(needs)
