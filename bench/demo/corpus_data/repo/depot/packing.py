"""Which box: volumetric weight, first-fit-decreasing, and whole shipments."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    """One piece to pack; sides in millimetres."""

    name: str
    sides: tuple[int, int, int]
    grams: int
    fragile: bool = False
    hazard: bool = False

    @property
    def volume(self) -> int:
        a, b, c = self.sides
        return a * b * c


@dataclass(frozen=True)
class BoxType:
    """A box we keep; the inner sides, what it carries, and what it costs."""

    name: str
    sides: tuple[int, int, int]
    max_grams: int
    cents: int

    @property
    def volume(self) -> int:
        a, b, c = self.sides
        return a * b * c


@dataclass
class Parcel:
    """A box with what is in it."""

    box: BoxType
    items: list[Item] = field(default_factory=list)

    @property
    def grams(self) -> int:
        return sum(item.grams for item in self.items)

    @property
    def volume(self) -> int:
        return sum(item.volume for item in self.items)


def fits_inside(item: Item, box: BoxType) -> bool:
    """Whether an item goes into an empty box in some orientation."""
    sides_fit = all(side <= room for side, room in zip(sorted(item.sides), sorted(box.sides)))
    return sides_fit and item.grams <= box.max_grams


def volumetric_grams(sides: tuple[int, int, int], divisor: int = 5000) -> int:
    """Weight that carriers charge for bulk: cubic centimetres over the divisor, in kilograms, rounded up."""
    a, b, c = (-(-side // 10) for side in sides)
    return -(-a * b * c * 1000 // divisor)


def billable_grams(sides: tuple[int, int, int], grams: int, step: int = 500) -> int:
    """The heavier of real and volumetric weight, up to the next step."""
    heavier = max(grams, volumetric_grams(sides))
    return -(-heavier // step) * step


def pack_shipment(items: list[Item], boxes: list[BoxType], fill_percent: int = 85) -> list[Parcel]:
    """Put every item into a box: largest first, into the first open parcel that takes it, else a new one.

    A parcel takes an item while its weight stays allowed and its volume below ``fill_percent`` of the box
    (a single item may fill its box). Fragile items travel with at most one other item, hazardous ones only
    with each other. New parcels start in the largest box that takes the item. At the end each parcel
    moves into the cheapest box that still holds its contents.
    """
    parcels: list[Parcel] = []
    ordered = sorted(items, key=lambda item: (-item.volume, -item.grams, item.name))
    for item in ordered:
        home = None
        for parcel in parcels:
            box = parcel.box
            if not fits_inside(item, box):
                continue
            if parcel.grams + item.grams > box.max_grams:
                continue
            if (parcel.volume + item.volume) * 100 > box.volume * fill_percent:
                continue
            if any(other.hazard != item.hazard for other in parcel.items):
                continue
            if item.fragile or any(other.fragile for other in parcel.items):
                if len(parcel.items) >= 2:
                    continue
            home = parcel
            break
        if home is None:
            usable = [box for box in boxes if fits_inside(item, box)]
            if not usable:
                raise ValueError(f"no box holds {item.name}")
            home = Parcel(max(usable, key=lambda box: (box.volume, -box.cents)))
            parcels.append(home)
        home.items.append(item)

    for parcel in parcels:
        options = []
        for box in boxes:
            if not all(fits_inside(item, box) for item in parcel.items):
                continue
            if parcel.grams > box.max_grams:
                continue
            if len(parcel.items) > 1 and parcel.volume * 100 > box.volume * fill_percent:
                continue
            options.append(box)
        parcel.box = min(options, key=lambda box: (box.cents, box.volume))
    return parcels
