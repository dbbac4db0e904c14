"""The life of an order, from basket to delivery."""

from dataclasses import dataclass, field

_NEXT = {
    "new": {"paid", "cancelled"},
    "paid": {"picking", "cancelled", "refunded"},
    "picking": {"packed", "paid"},
    "packed": {"shipped"},
    "shipped": {"delivered", "lost"},
    "delivered": {"returned"},
    "returned": {"refunded"},
    "lost": {"refunded"},
}
_FINAL = {"cancelled", "refunded"}


class NotAllowed(Exception):
    """The order cannot go there from where it is."""


@dataclass(frozen=True)
class Event:
    """Something that happened to an order."""

    day: int
    state: str


@dataclass
class Order:
    """An order and everything that happened to it."""

    reference: str
    events: list[Event] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.events[-1].state if self.events else "new"

    @property
    def is_final(self) -> bool:
        return self.state in _FINAL

    def advance(self, state: str, day: int) -> None:
        """Move on to a state; days never go back."""
        if state not in _NEXT.get(self.state, set()):
            raise NotAllowed(f"{self.reference}: {self.state} -> {state}")
        if self.events and day < self.events[-1].day:
            raise NotAllowed(f"{self.reference}: day {day} is before day {self.events[-1].day}")
        self.events.append(Event(day, state))

    def entered(self, state: str) -> int | None:
        """The day the order last came into a state."""
        days = [event.day for event in self.events if event.state == state]
        return days[-1] if days else None

    def days_in(self, state: str, today: int) -> int:
        """Days spent in a state, all visits together; the current one counts up to today."""
        total = 0
        for event, following in zip(self.events, [*self.events[1:], None]):
            if event.state == state:
                left = following.day if following else today
                total += left - event.day
        return total


def returnable(order: Order, today: int, days: int = 14) -> bool:
    """Whether the customer may still send it back."""
    delivered = order.entered("delivered")
    if order.state != "delivered" or delivered is None:
        return False
    return today - delivered <= days


def late(orders: list[Order], today: int, limit: int) -> list[str]:
    """References paid more than ``limit`` days ago and not shipped, longest waiting first."""
    waiting = []
    for order in orders:
        paid = order.entered("paid")
        if order.state in ("paid", "picking", "packed") and paid is not None and today - paid > limit:
            waiting.append((paid, order.reference))
    return [reference for _, reference in sorted(waiting)]


def reachable(state: str) -> set[str]:
    """States an order can still come into."""
    seen: set[str] = set()
    ahead = [state]
    while ahead:
        for following in _NEXT.get(ahead.pop(), set()):
            if following not in seen:
                seen.add(following)
                ahead.append(following)
    return seen
