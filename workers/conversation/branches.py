"""Branches of a transcript: which calls continue the same conversation, and what each of them adds to it."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from workers.conversation.content import dump
from workers.conversation.steps import AtifStep, AtifTrajectory, Call


def keys(step: AtifStep) -> tuple[Hashable, ...]:
    """What is the same in a message and in its repetition by a later request, the most particular first.

    Programs move line ends and cache marks, and drop reasoning. A call keeps its id; where the provider gave it none,
    a program may invent one.
    """
    if not step.keys:
        step.keys = _keys(step)
    return step.keys


def _keys(step: AtifStep) -> tuple[Hashable, ...]:
    if step.source == "tool":
        return (("tool", tuple((each.call_id or each.name, _plain(each.text)) for each in step.results)),)
    if step.source != "agent":
        return ((step.source, _plain(step.text)),)
    calls = tuple((each.name, dump(each.arguments)) for each in step.calls)
    words = ("agent", _plain(step.text), calls)
    has_ids = step.calls and all(each.id for each in step.calls)
    return (("agent", tuple(each.id for each in step.calls)), words) if has_ids else (words,)


def _plain(text: str) -> str:
    return " ".join(text.split())


@dataclass
class Branch:
    """One conversation: that of the main agent, of a sub-agent, or an auxiliary call."""

    trajectory: AtifTrajectory
    head: tuple[Hashable, ...]
    """What came before the first answer."""
    tools: tuple[str, ...]
    first_text: str
    """The text that the conversation began with."""
    seen: Counter[Hashable] = field(default_factory=Counter)
    calls: int = 0
    answers: int = 0
    """Answers that arrived whole."""
    parent: "Branch | None" = None
    unnamed: list[AtifStep] = field(default_factory=list)
    """Answers whose calls the provider gave no id."""

    def add_new(self, steps: Iterable[AtifStep], at: str | None) -> None:
        """Append those of a request's messages that no earlier call had."""
        counts: Counter[Hashable] = Counter()
        for step in steps:
            marks = keys(step)
            mark = next((each for each in marks if self.seen[each]), marks[0])
            counts[mark] += 1
            if counts[mark] <= self.seen[mark]:
                self._name(step)
                continue
            self.seen.update(marks)
            own = step.copy()
            own.at = at
            if step.source == "agent" and self.calls:
                own.extra["from_request"] = True
            self.trajectory.add(own)
        self.calls += 1

    def _name(self, repeated: AtifStep) -> None:
        """Take over the ids that the program gave to calls without any."""
        if not self.unnamed or not repeated.calls:
            return
        words = keys(repeated)[-1]
        for answer in self.unnamed:
            if keys(answer)[-1] == words:
                self.unnamed.remove(answer)
                for call, named in zip(answer.calls, repeated.calls, strict=True):
                    call.id = named.id or call.id
                return

    def add_answer(self, step: AtifStep, *, is_whole: bool) -> None:
        """Append the answer of a call; one that broke off is not repeated by the next request."""
        if is_whole:
            self.seen.update(keys(step))
            self.answers += 1
            if step.calls and not all(each.id for each in step.calls):
                self.unnamed.append(step)
        results, step.results = step.results, []
        self.trajectory.add(step)
        if results:
            self.trajectory.add(AtifStep("tool", results=results))


class Branches:
    """The branches of a candidate, found by what their requests begin with."""

    def __init__(self, program: str, version: str | None) -> None:
        self._program, self._version = program, version
        self.all: list[Branch] = []

    def of(self, steps: list[AtifStep], tools: tuple[str, ...]) -> Branch:
        """The branch that a request continues; a new one where it continues none."""
        head = _head(steps)
        answered = [keys(each) for each in steps if each.source == "agent"]
        alike = [each for each in self.all if bool(each.tools) == bool(tools)]
        same = [each for each in alike if each.head == head]
        if answered:
            related = [each for each in same or alike if _overlap(each, answered)]
            best = max(related, key=lambda each: _overlap(each, answered), default=None)
            branch = best or next(iter(same), None)
        else:  # the same beginning again is a retry where it was not answered, else another branch
            branch = next((each for each in same if not each.answers), None)
        return branch or self._new(head, tools, steps)

    def _new(self, head: tuple[Hashable, ...], tools: tuple[str, ...], steps: list[AtifStep]) -> Branch:
        name = f"branch-{len(self.all) + 1}"
        trajectory = AtifTrajectory(self._program, self._version, id=name)
        first = "\n".join(each.text for each in _beginning(steps) if each.source == "user")
        branch = Branch(trajectory, head, tools, first)
        self._link(branch)
        self.all.append(branch)
        return branch

    def _link(self, branch: Branch) -> None:
        """Refer to the branch from the call of a tool that has its first words as an argument."""
        for other in reversed(self.all):
            for call in _calls(other.trajectory):
                if not call.branches and _is_cause(call, branch.first_text):
                    call.branches.append(branch.trajectory.id)
                    branch.parent = other
                    return

    def main(self) -> Branch | None:
        """The branch of the main agent: the first one with tools, else that of most calls."""
        first = next((each for each in self.all if each.tools), None)
        return first or max(self.all, key=lambda each: each.calls, default=None)


def _beginning(steps: list[AtifStep]) -> Iterator[AtifStep]:
    """The steps before the first answer."""
    for each in steps:
        if each.source == "agent":
            return
        yield each


def _head(steps: list[AtifStep]) -> tuple[Hashable, ...]:
    return tuple(keys(each) for each in _beginning(steps) if each.source != "system")


def _overlap(branch: Branch, answered: list[tuple[Hashable, ...]]) -> int:
    """How many of a request's answers are the branch's; those known by the ids of their calls count twice."""
    return sum(2 if branch.seen[marks[0]] else any(branch.seen[each] for each in marks) for marks in answered)


def _calls(trajectory: AtifTrajectory) -> Iterator[Call]:
    for step in reversed(trajectory.steps):
        yield from reversed(step.calls)


def _is_cause(call: Call, first_text: str) -> bool:
    texts = [each.strip() for each in call.arguments.values() if isinstance(each, str)]
    return any(len(each) >= 8 and each in first_text for each in texts)
