"""A randomised covering array of strength 2 (pairwise), whose rows are dealt over the cases of a bench.

A pair is a value of one component of an action together with a value of another. The rows are constructed once
by greedy set cover over the allowed actions. A *deck* is their image under a random symmetry of the allowed
set (a permutation of interchangeable values, component by component), in random order: it also covers every
coverable pair. Cases take consecutive rows, so that a bench with as many slots as a deck has rows has tried every
pair.

A random symmetry moves a row to each action of its orbit with the same probability, and a pair of rows to each
pair of its orbital. With n rows of which r lie in the orbit O of a, and w of which the case takes:

    P(a in the deck) = r/|O|,   π(a) = P(a in the deck)·w/n,   π(a, b) = P(both in the deck)·w(w−1)/(n(n−1)).

A case that takes the end of one deck and the beginning of the next draws from two independent decks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.experiment.space import Stratum
from bench.experiment.streams import Stream, digest
from planner.actions import Action

T = TypeVar("T")
Floats = NDArray[np.float64]
_COMPONENTS = range(len(Action._fields))
_DECKS_KEPT = 1024


class DeckSlice(NamedTuple):
    """Consecutive rows of one deck."""

    deck: int
    first: int
    size: int


def window_at(offset: int, slots: int, rows: int) -> tuple[DeckSlice, ...]:
    """The next `slots` rows after the first `offset` rows of all decks, each of `rows`."""
    parts = []
    while slots > 0:
        deck, first = divmod(offset, rows)
        size = min(slots, rows - first)
        parts.append(DeckSlice(deck, first, size))
        offset, slots = offset + size, slots - size
    return tuple(parts)


@dataclass(frozen=True, eq=False)
class CoveringDesign:
    """The sampling design of a case that takes rows of a covering array.

    `free` is in canonical order, without the forced actions.
    """

    actions: tuple[Action, ...]
    forced: tuple[Action, ...]
    forced_strata: tuple[Stratum, ...]
    free: tuple[Action, ...]
    strata: tuple[Stratum, ...]
    notes: tuple[str, ...]
    sizes: tuple[int, ...]
    """Rows taken from each deck."""

    def dealt(self, seed: int, window: Sequence[DeckSlice]) -> list[int]:
        """Positions in `free`, in the order dealt in the bench of this seed, without forced and repeated rows."""
        array = covering_array(self.actions)
        return self._positions([array.deck(seed, deck)[at : at + size] for deck, at, size in window])

    def draw(self, stream: Stream) -> list[int]:
        """A fresh draw: positions in `free`, from decks that `stream` shuffles."""
        array = covering_array(self.actions)
        return self._positions([array.shuffled(stream)[:size] for size in self.sizes])

    def _positions(self, rows: Sequence[Sequence[Action]]) -> list[int]:
        position_of = {action: position for position, action in enumerate(self.free)}
        return list(
            dict.fromkeys(position_of[action] for part in rows for action in part if action in position_of)
        )

    def propensities(self) -> list[float]:
        """The inclusion probability π of each free action."""
        pi: list[float] = np.diagonal(self.joint()).tolist()
        return pi

    def joint(self) -> Floats:
        """(free, free): the joint inclusion probability of each pair; π on the diagonal."""
        array = covering_array(self.actions)
        (single, both), rows = array.in_deck, len(array.rows)
        absent, neither = np.ones_like(single), np.ones_like(both)
        for size in self.sizes:
            taken = single * size / rows
            pair = both * size * (size - 1) / max(rows * (rows - 1), 1)
            absent *= 1 - taken
            neither *= 1 - taken[:, None] - taken[None, :] + pair
        joint = 1 - absent[:, None] - absent[None, :] + neither
        np.fill_diagonal(joint, 1 - absent)
        positions = [self.actions.index(action) for action in self.free]
        of_free: Floats = joint[np.ix_(positions, positions)]
        return of_free

    def most(self, values: Sequence[int]) -> int:
        """An upper bound of the sum of `values` (one for each free action) over any draw."""
        return sum(sorted(values, reverse=True)[: sum(self.sizes)])


class CoveringArray:
    """The covering array of a set of allowed actions, and the symmetries of the set that randomise it."""

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self.actions = actions
        self.rows = covering_rows(actions)
        self._classes = tuple(_interchangeable(actions, component) for component in _COMPONENTS)
        self._name = digest(*(action.label() for action in actions)).hex()
        self._decks: dict[tuple[int, int], list[Action]] = {}

    def deck(self, seed: int, number: int) -> list[Action]:
        """Deck `number` of the bench of this seed."""
        if len(self._decks) > _DECKS_KEPT:
            self._decks.clear()
        deck = self._decks.get((seed, number))
        if deck is None:
            deck = self.shuffled(Stream(seed, "covering", self._name, number))
            self._decks[seed, number] = deck
        return deck

    def shuffled(self, stream: Stream) -> list[Action]:
        """The rows under a random symmetry, in random order."""
        moved: list[dict[Any, Any]] = [
            {
                value: image
                for group in classes
                for value, image in zip(group, _permuted(group, stream), strict=True)
            }
            for classes in self._classes
        ]
        rows = [Action(*(moved[i][value] for i, value in enumerate(row))) for row in self.rows]
        return _permuted(rows, stream)

    @cached_property
    def in_deck(self) -> tuple[Floats, Floats]:
        """P(a in a deck), shape (M,), and P(a and b in a deck), shape (M, M), for M actions."""
        size = len(self.actions)
        chosen = np.isin(np.arange(size), [self.actions.index(row) for row in self.rows])
        orbits = _numbered(np.array([self._class_of(action) for action in self.actions]))
        values = np.array([[str(value) for value in action] for action in self.actions])
        same = (values[:, None] == values[None, :]) @ (1 << np.arange(len(_COMPONENTS)))
        orbitals = _numbered(
            (np.add.outer(orbits * size, orbits) << len(_COMPONENTS)).reshape(-1) + same.reshape(-1)
        )
        both = _shares(orbitals, np.logical_and.outer(chosen, chosen).reshape(-1))
        return _shares(orbits, chosen), both.reshape(size, size)

    def _class_of(self, action: Action) -> list[int]:
        parts = zip(self._classes, action, strict=True)
        return [next(n for n, group in enumerate(classes) if value in group) for classes, value in parts]


covering_array = lru_cache(maxsize=64)(CoveringArray)


def covering_rows(actions: Sequence[Action]) -> tuple[Action, ...]:
    """A covering array of strength 2 over `actions`, by greedy set cover; ties in the order of `actions`."""
    pairs = {action: _pairs(action) for action in actions}
    missing = set().union(*pairs.values())
    rows = []
    while missing:
        best = max(actions, key=lambda action: len(pairs[action] & missing))
        missing -= pairs[best]
        rows.append(best)
    return tuple(rows)


def _pairs(action: Action) -> set[tuple[int, Any, int, Any]]:
    return {(i, action[i], j, action[j]) for i, j in combinations(_COMPONENTS, 2)}


def _permuted(values: Sequence[T], stream: Stream) -> list[T]:
    left = list(values)
    return [left.pop(stream.below(len(left))) for _ in values]


def _interchangeable(actions: tuple[Action, ...], component: int) -> tuple[tuple[Any, ...], ...]:
    """The equivalence classes of the values of a component: two values are equivalent where swapping them maps
    `actions` onto themselves. Swaps generate all permutations of a class, so these are symmetries too.
    """
    allowed = set(actions)
    classes: list[list[Any]] = []
    for value in dict.fromkeys(action[component] for action in actions):
        home = next((group for group in classes if _swaps(allowed, component, group[0], value)), None)
        if home is None:
            classes.append([value])
        else:
            home.append(value)
    return tuple(map(tuple, classes))


def _swaps(actions: set[Action], component: int, value: Any, other: Any) -> bool:
    swap = {value: other, other: value}
    field = Action._fields[component]
    return all(
        action._replace(**{field: swap[action[component]]}) in actions
        for action in actions
        if action[component] in swap
    )


def _numbered(keys: NDArray[Any]) -> NDArray[np.intp]:
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def _shares(groups: NDArray[np.intp], chosen: NDArray[np.bool_]) -> Floats:
    """For each item, the share of its group that is `chosen`."""
    shares: Floats = (np.bincount(groups, weights=chosen) / np.bincount(groups))[groups]
    return shares
