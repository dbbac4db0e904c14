"""Double-entry postings: every cent that leaves an account arrives in another."""

from dataclasses import dataclass, field


class Unbalanced(Exception):
    """Debits and credits of an entry differ."""


@dataclass(frozen=True)
class Posting:
    """An amount on an account; debits are positive, credits negative."""

    account: str
    cents: int


@dataclass(frozen=True)
class Entry:
    """Postings of one business event."""

    day: int
    reference: str
    postings: tuple[Posting, ...]


@dataclass
class Match:
    """What a bank statement and our books agree on."""

    settled: list[tuple[str, int]] = field(default_factory=list)
    short: list[tuple[str, int]] = field(default_factory=list)
    over: list[tuple[str, int]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)


class Ledger:
    """Entries in the order they were made."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def post(self, day: int, reference: str, *postings: Posting) -> Entry:
        if len(postings) < 2:
            raise Unbalanced(f"{reference}: an entry has two sides")
        rest = sum(posting.cents for posting in postings)
        if rest != 0:
            raise Unbalanced(f"{reference}: {rest} cents left over")
        entry = Entry(day, reference, postings)
        self._entries.append(entry)
        return entry

    def sale(self, day: int, reference: str, gross: int, tax: int) -> Entry:
        """A customer owes ``gross``, of which ``tax`` is not ours."""
        return self.post(
            day,
            reference,
            Posting("receivable", gross),
            Posting("revenue", tax - gross),
            Posting("tax", -tax),
        )

    def payment(self, day: int, reference: str, cents: int, fee: int = 0) -> Entry:
        """A customer paid ``cents``; the provider kept ``fee`` of it."""
        postings = [Posting("bank", cents - fee), Posting("receivable", -cents)]
        if fee:
            postings.append(Posting("fees", fee))
        return self.post(day, reference, *postings)

    def reverse(self, day: int, reference: str) -> Entry:
        """Undo the latest entry with that reference by its opposite."""
        for entry in reversed(self._entries):
            if entry.reference == reference:
                opposite = [Posting(posting.account, -posting.cents) for posting in entry.postings]
                return self.post(day, f"{reference}-R", *opposite)
        raise KeyError(reference)

    def balance(self, account: str, day: int | None = None) -> int:
        """Cents on an account at the end of a day, or now."""
        total = 0
        for entry in self._entries:
            if day is not None and entry.day > day:
                continue
            total += sum(posting.cents for posting in entry.postings if posting.account == account)
        return total

    def owed(self, reference: str) -> int:
        """What is still to be paid on a reference."""
        cents = 0
        for entry in self._entries:
            if entry.reference == reference:
                cents += sum(posting.cents for posting in entry.postings if posting.account == "receivable")
        return cents

    def aging(self, today: int) -> dict[str, int]:
        """Unpaid cents by age: up to 30 days, up to 60, and older; overpaid references count nothing."""
        buckets = {"current": 0, "due": 0, "overdue": 0}
        first_day: dict[str, int] = {}
        for entry in self._entries:
            first_day.setdefault(entry.reference, entry.day)
        for reference, day in first_day.items():
            owed = self.owed(reference)
            if owed <= 0:
                continue
            age = today - day
            if age <= 30:
                buckets["current"] += owed
            elif age <= 60:
                buckets["due"] += owed
            else:
                buckets["overdue"] += owed
        return buckets

    def reconcile(self, statement: list[tuple[str, int]], tolerance: int = 0) -> Match:
        """Hold a bank statement's ``(reference, cents)`` against what customers owe.

        Payments of one reference add up. Within the tolerance a reference is settled.
        """
        match = Match()
        paid: dict[str, int] = {}
        for reference, cents in statement:
            paid[reference] = paid.get(reference, 0) + cents
        expected: dict[str, int] = {}
        for entry in self._entries:
            owed = self.owed(entry.reference)
            if owed > 0:
                expected[entry.reference] = owed
        for reference, cents in paid.items():
            if reference not in expected:
                match.unknown.append(reference)
                continue
            difference = cents - expected[reference]
            if abs(difference) <= tolerance:
                match.settled.append((reference, cents))
            elif difference < 0:
                match.short.append((reference, -difference))
            else:
                match.over.append((reference, difference))
        for reference in expected:
            if reference not in paid:
                match.open.append(reference)
        return match
