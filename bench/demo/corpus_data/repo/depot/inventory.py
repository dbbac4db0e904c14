"""Stock by article: lots received, reservations held, pieces picked."""

from dataclasses import dataclass, field


class OutOfStock(Exception):
    """Fewer pieces are free than were asked for."""


@dataclass
class Lot:
    """Pieces that came in together."""

    received_day: int
    quantity: int
    expires_day: int | None = None


@dataclass
class Article:
    """One article's lots and reservations."""

    lots: list[Lot] = field(default_factory=list)
    reserved: dict[str, int] = field(default_factory=dict)


class Stock:
    """The depot's stock. Days are day numbers."""

    def __init__(self) -> None:
        self._articles: dict[str, Article] = {}

    def receive(self, sku: str, quantity: int, day: int, expires_day: int | None = None) -> None:
        if quantity <= 0:
            raise ValueError("a delivery holds at least one piece")
        self._articles.setdefault(sku, Article()).lots.append(Lot(day, quantity, expires_day))

    def on_hand(self, sku: str, day: int) -> int:
        """Pieces in the house that have not expired on that day."""
        article = self._articles.get(sku, Article())
        return sum(lot.quantity for lot in article.lots if lot.expires_day is None or lot.expires_day > day)

    def available(self, sku: str, day: int) -> int:
        """Pieces that nobody has reserved."""
        article = self._articles.get(sku, Article())
        return self.on_hand(sku, day) - sum(article.reserved.values())

    def reserve(self, sku: str, order: str, quantity: int, day: int) -> None:
        """Hold pieces for an order; a second call adds to what it holds."""
        on_hand = self.on_hand(sku, day)
        available = self.available(sku, day)
        if quantity > available:
            raise OutOfStock(f"{sku}: {available} of {on_hand} free, {quantity} wanted")
        held = self._articles[sku].reserved
        held[order] = held.get(order, 0) + quantity

    def release(self, sku: str, order: str) -> int:
        """Give an order's reservation back; returns how many pieces that freed."""
        return self._articles.get(sku, Article()).reserved.pop(order, 0)

    def pick(self, sku: str, order: str, day: int) -> list[tuple[int, int]]:
        """Take an order's reserved pieces: ``(received_day, quantity)`` by lot, first to expire first."""
        article = self._articles[sku]
        wanted = article.reserved.pop(order, 0)
        usable = [lot for lot in article.lots if lot.expires_day is None or lot.expires_day > day]
        usable.sort(key=lambda lot: (lot.expires_day is None, lot.expires_day or 0, lot.received_day))
        taken = []
        for lot in usable:
            if wanted == 0:
                break
            quantity = min(lot.quantity, wanted)
            lot.quantity -= quantity
            wanted -= quantity
            taken.append((lot.received_day, quantity))
        article.lots = [lot for lot in article.lots if lot.quantity > 0]
        return taken

    def write_off(self, sku: str, day: int) -> int:
        """Remove expired lots; returns how many pieces went."""
        article = self._articles.get(sku, Article())
        gone = [lot for lot in article.lots if lot.expires_day is not None and lot.expires_day <= day]
        article.lots = [lot for lot in article.lots if lot not in gone]
        return sum(lot.quantity for lot in gone)


def reorder_quantity(available: int, daily_demand: int, lead_days: int, safety: int, pack: int) -> int:
    """Pieces to order now, in whole packs, so that stock lasts until the delivery after next."""
    needed = daily_demand * lead_days + safety
    if available > needed:
        return 0
    missing = needed - available + daily_demand * lead_days
    packs = -(-missing // pack)
    return packs * pack
