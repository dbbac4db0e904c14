"""Labels of actions are read back, in every way to write them; other text is refused with the values there are."""

import pytest

from planner.actions import Action, all_cells, parse_action
from planner.errors import PlannerError


def test_every_label_is_read_back() -> None:
    for action in all_cells():
        assert parse_action(action.label()) == action


@pytest.mark.parametrize(
    "text",
    [
        "speculate_vote/3/60/NA",
        "Speculate_Vote x3 60m",
        " speculate_vote * 3 60 ",
        "speculate_vote ×3 60m NA",
    ],
)
def test_other_ways_to_write_an_action(text: str) -> None:
    assert parse_action(text) == Action("speculate_vote", 3, 60, "NA")


@pytest.mark.parametrize(
    "text", ["", "best", "speculate_vote", "speculate_vote ×9 60m", "speculate_vote/3/61/NA"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(
        PlannerError, match=r"is no action; write one as 'speculate_vote ×3 60m'.* minutes 15, 30"
    ):
        parse_action(text)
