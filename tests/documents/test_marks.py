"""Which blocks of the pages are not run, and why: the whole list, so that skipping one more is seen."""

from collections import Counter

from tests.documents.blocks import SHELL_LANGUAGES, Block
from tests.documents.run import SETUPS, pages, read_steps

# How many blocks of each page are not run. A page that is missing here runs from its first block to its last.
NOT_RUN = {
    "README.md": 3,  # make demo and make test; a dataset of 500 issues; a fleet
    "docs/tutorial.md": 1,  # half an hour of training
    "docs/how-to/agents/README.md": 1,  # npm, a provider's key and its money
    "docs/how-to/drift-and-power.md": 1,  # a commit and issues of the reader's repository
    "docs/how-to/exact-installs.md": 2,  # the environment that runs the page; docker
    "docs/how-to/fleet.md": 2,  # a database server and a broker
    "docs/how-to/metrics.md": 1,  # a cluster with KEDA
    "docs/how-to/notices.md": 1,  # a workspace of Slack
    "docs/how-to/traces.md": 1,  # a collector
    "docs/how-to/page.md": 2,  # servers, which run until they are stopped
    "docs/how-to/take-a-patch.md": 1,  # a host of pull requests
    "docs/how-to/private-repositories.md": 2,  # a private repository; a file in /etc
}


def _blocks() -> list[Block]:
    return [step for page in pages() for step in read_steps(page) if isinstance(step, Block)]


def test_blocks_that_are_not_run_are_those_of_the_list() -> None:
    assert Counter(block.page for block in _blocks() if "not run" in block.marks) == NOT_RUN


def test_each_of_them_has_a_reason_of_some_words() -> None:
    reasons = [block.marks["not run"] for block in _blocks() if "not run" in block.marks]
    assert [reason for reason in reasons if len(reason.split()) < 3] == []


def test_most_commands_of_the_pages_run() -> None:
    commands = [block for block in _blocks() if block.language in SHELL_LANGUAGES]
    skipped = [block for block in commands if "not run" in block.marks]
    assert len(skipped) <= len(commands) // 4


def test_every_preparation_is_used() -> None:
    named = {step.name for page in pages() for step in read_steps(page) if not isinstance(step, Block)}
    scripts = {path.stem.removeprefix("make-") for path in SETUPS.glob("*.sh")}
    assert scripts == named
