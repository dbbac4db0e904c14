"""Parser of plan trackers: Markdown files whose fenced YAML blocks are cards, imported as issues.

`bench.intake.fences` parses the blocks, `bench.intake.plan_card` maps a card to an issue.
"""

from pathlib import Path
from typing import Final, NamedTuple

from bench.intake.beads import ImportReport, is_newer
from bench.intake.cards import CardError, read_card
from bench.intake.errors import IntakeError
from bench.intake.fences import FencedBlock, fenced_blocks
from bench.intake.given import Given
from bench.intake.issue import Dependency, Issue
from bench.intake.plan_card import Card, make_card

_LARGEST_FILE: Final = 32 * 2**20
_LANGUAGES: Final = frozenset({"yaml", "yml"})


class _Placed(NamedTuple):
    line: int
    card: Card


def read_plan_tracker(path: Path) -> ImportReport:
    """Parse the cards of a tracker as issues, as `read_tracker`."""
    return read_tracker(Given(path))


def read_tracker(backlog: Given) -> ImportReport:
    """Parse the cards of a tracker as issues; bad cards are reported by line and left out.

    Of cards with the same id the one `updated` last is kept, then the later one.

    Raises: `IntakeError` where the file cannot be read or has no YAML block.
    """
    text = backlog.text(_LARGEST_FILE, "name a plan tracker that can be read", "split the tracker")
    report = ImportReport(backlog.name)
    cards: dict[str, _Placed] = {}
    for block in fenced_blocks(text, _LANGUAGES):
        if block.language in _LANGUAGES:
            _take(block, cards, report)
    if not cards and not report.bad_lines:
        raise IntakeError(
            f"{backlog.name}: no cards in it; a card is a block between ```yaml and ``` with an id"
        )
    report.issues = _with_blocked(cards, report)
    report.warnings.sort(key=lambda warning: warning[0])
    return report


def _take(block: FencedBlock, cards: dict[str, _Placed], report: ImportReport) -> None:
    try:
        placed = _Placed(block.line, _card(block, report))
    except CardError as error:
        report.bad_lines.append((block.line + 1 + error.line, str(error)))
        return
    issue = placed.card.issue
    known = cards.get(issue.id)
    if known is not None:
        report.duplicates += 1
        kept, dropped = (placed, known) if is_newer(issue, known.card.issue) else (known, placed)
        report.warnings.append(
            (dropped.line, f"{issue.id}: the card in line {kept.line} has this id and is kept")
        )
        placed = kept
    cards[issue.id] = placed


def _card(block: FencedBlock, report: ImportReport) -> Card:
    if not block.is_closed:
        raise CardError("nothing closes this block; add a line with ``` after the card", -1)
    data = read_card(block.text)
    return make_card(data, block.headings, lambda text: report.warnings.append((block.line, text)))


def _with_blocked(cards: dict[str, _Placed], report: ImportReport) -> list[Issue]:
    """The issues, each with its dependencies on the cards whose `blocks` name it."""
    issues = {issue_id: placed.card.issue for issue_id, placed in cards.items()}
    blockers: dict[str, list[str]] = {}
    for issue_id, placed in cards.items():
        for blocked in placed.card.blocks:
            if blocked in issues:
                blockers.setdefault(blocked, []).append(issue_id)
            else:
                text = f"{issue_id}: blocks {blocked!r:.80}, which is no card here; left out"
                report.warnings.append((placed.line, text))
    for blocked, named in blockers.items():
        issues[blocked] = _waiting(issues[blocked], named)
    return list(issues.values())


def _waiting(issue: Issue, blockers: list[str]) -> Issue:
    added = [Dependency(issue_id=issue.id, depends_on_id=blocker) for blocker in blockers]
    return issue.model_copy(update={"dependencies": tuple(dict.fromkeys([*issue.dependencies, *added]))})
