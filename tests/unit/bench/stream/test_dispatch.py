"""What is started, given what was asked for and what is free."""

import pytest
from pydantic import ValidationError

from bench.config.routing import Match, Rule, first_match
from bench.intake.issue import Issue
from bench.stream.dispatch import RequestedAction, dispatch, heuristic_action
from planner.actions import NA, Action, is_valid

ISSUE = Issue(id="i", title="Fix the Parser", dk_risk="low", dk_size="S", tags=("parser", "io"))


def test_risk_and_size_decide_where_nobody_says_more() -> None:
    assert heuristic_action(ISSUE, None) == RequestedAction(Action("serial_handoff", 1, 30, NA), None)


def test_an_issue_may_ask_for_speculation_and_a_rule_overrules_it() -> None:
    wants = ISSUE.model_copy(update={"dk_speculate": True})
    assert heuristic_action(wants, None).action == Action("speculate_vote", 2, 30, NA)
    assert heuristic_action(wants, Rule(speculate=False)).action == Action("serial_handoff", 1, 30, NA)
    assert heuristic_action(wants, Rule(speculate=True, parallelism=3)).action == Action(
        "speculate_vote", 3, 30, NA
    )
    assert heuristic_action(ISSUE, Rule(use=["repair", "claude"])).toolchains == ("repair", "claude")


@pytest.mark.parametrize("job_type", ["code", "fab-asset", "fab-world"])
@pytest.mark.parametrize(
    "rule", [None, Rule(speculate=True, parallelism=1), Rule(speculate=True), Rule(speculate=False)]
)
def test_the_heuristics_stay_inside_the_action_space(job_type: str, rule: Rule | None) -> None:
    tags = {"code": (), "fab-asset": ("asset:prop",), "fab-world": ("asset:world",)}[job_type]
    for risk in ("low", "critical"):
        issue = ISSUE.model_copy(update={"tags": tags, "dk_risk": risk, "dk_speculate": True})
        assert is_valid(heuristic_action(issue, rule).action, issue.job_type)


def test_the_first_rule_that_holds_decides() -> None:
    rules = [
        Rule(match=Match(dk_risk=["high"]), speculate=True),
        Rule(match=Match(tags_all=["parser", "io"], title_pattern="fix .*parser"), use=["first"]),
        Rule(match=Match(tags_any=["parser"]), use=["second"]),
    ]
    assert first_match(rules, ISSUE) is rules[1]
    assert first_match(rules, ISSUE.model_copy(update={"title": "Other"})) is rules[2]
    assert first_match(rules, ISSUE.model_copy(update={"tags": ()})) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"parallelism": 2},
        {"use": []},
        {"speculate": True, "parallelism": 4},
        {"match": {"title_pattern": "("}, "use": ["a"]},
        {"match": {"title_pattern": "(?=fix)"}, "use": ["a"]},
    ],
)
def test_a_rule_that_says_nothing_or_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(wrong)


def test_half_a_character_in_a_title_is_no_match_and_no_error() -> None:
    issue = ISSUE.model_copy(update={"title": "fix \ud800 parser"})
    assert Match(title_pattern="fix .* parser").holds(issue)
    assert not Match(title_pattern="\u20ac").holds(issue)


def test_no_pattern_holds_up_the_stream() -> None:
    # A search that tries one way after the other would not end in this universe.
    assert not Match(title_pattern="(a+)+$").holds(ISSUE.model_copy(update={"title": "a" * 10_000 + "!"}))


@pytest.mark.parametrize(
    ("action", "free", "candidates", "reason"),
    [
        (Action("speculate_vote", 3, 30, NA), 3, 3, None),
        (Action("speculate_vote", 3, 30, NA), 2, 2, "parallelism_reduced_from_3_to_2"),
        (Action("speculate_vote", NA, 30, NA), 1, 1, "parallelism_reduced_from_2_to_1"),
        (Action("serial_handoff", 1, 30, NA), 1, 1, None),
    ],
)
def test_fewer_free_workcells_mean_fewer_candidates_and_a_reason(
    action: Action, free: int, candidates: int, reason: str | None
) -> None:
    dispatched = dispatch(RequestedAction(action, None), free, 2)
    assert dispatched is not None
    assert (dispatched.action, dispatched.candidates, dispatched.fallback_reason) == (
        action,
        candidates,
        reason,
    )


def test_nothing_starts_without_a_free_workcell() -> None:
    assert dispatch(RequestedAction(Action("serial_handoff", 1, 30, NA), None), 0, 2) is None
