"""Links are followed through the other links of the tree; one that leaves it is refused."""

import pytest

from workers.execution.changes import ABSENT, LINK, FileChange
from workers.execution.links import leads_out, unsafe_links

ID = "1" * 40


@pytest.mark.parametrize(
    ("target", "links", "leads"),
    [
        ("a/b/c/up/../../../../etc/passwd", {"a/b/c/up": "../../.."}, True),
        ("a/b/c/UP/../../../../etc/passwd", {"a/b/c/up": "../../.."}, True),
        ("up/../x", {"up": "."}, True),
        ("up/config", {"up": ".git"}, True),
        ("data/x", {"data": "/srv"}, True),
        ("loop", {"loop": "loop"}, True),
        ("lib.so.1", {"lib.so.1": "lib.so.1.2"}, False),
        ("current/readme", {"current": "versions/2"}, False),
        ("current/../1/readme", {"current": "versions/2"}, False),
    ],
)
def test_a_link_is_followed_through_the_links_of_the_tree(
    target: str, links: dict[str, str], leads: bool
) -> None:
    assert leads_out("evil", target, links) is leads


def _change(path: str, old: str = ABSENT, new: str = LINK) -> FileChange:
    return FileChange(old, new, ID, ID, path)


def test_a_change_that_makes_a_link_of_the_base_unsafe_counts_against_the_change() -> None:
    base = {"x": "d/../y", "l": "a/b", "p": "l/../../y"}
    assert unsafe_links([_change("d")], base, {**base, "d": "."}) == {"d"}
    assert unsafe_links([_change("l", LINK, "100644")], base, {"x": "d/../y", "p": "l/../../y"}) == {"l"}
    assert unsafe_links([_change("d")], base, {**base, "d": "a"}) == set()
    outside = {"ext": "/srv"}
    assert unsafe_links([_change("ok")], outside, {**outside, "ok": "readme"}) == set()
    assert unsafe_links([_change("bad")], outside, {**outside, "bad": "ext/x"}) == {"bad"}
