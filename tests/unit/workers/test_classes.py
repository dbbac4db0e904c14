"""An execution with an image goes to machines that run containers, whatever toolchains they have themselves."""

from workers.classes import briefly, needs_of
from workers.spec import Gate, ToolchainRef, Workcell

GATES = [Gate(name="test", command=["true"])]


def cell(**more: object) -> Workcell:
    return Workcell(repo="/shop", gates=GATES, toolchains=[ToolchainRef(name="claude", tags=["gpu"])], **more)


def test_with_an_image_the_toolchain_is_the_image_s() -> None:
    assert needs_of(cell()) == ("claude", "tag:gpu")
    assert needs_of(cell(image="tools:1")) == ("container:claude", "tag:gpu")


def test_people_read_the_toolchains_of_containers_in_one_word() -> None:
    assert (
        briefly(["claude", "container:claude", "container:repair", "tag:gpu"]) == "claude tag:gpu containers"
    )
    assert briefly(["claude"]) == "claude"
