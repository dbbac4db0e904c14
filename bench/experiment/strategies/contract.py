"""The contract of a sampling strategy.

A strategy is a sampling design: it decides which actions are arms of a case, and with what inclusion probability.
`tests/contracts/test_strategies.py` checks this contract for every registered strategy.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.experiment.space import SamplingInput, Stratum
from bench.experiment.streams import Stream
from planner.actions import Action

Floats = NDArray[np.float64]


class Drawn(NamedTuple):
    """The arms that a case drew at random."""

    positions: list[int]
    """Positions in `Design.free`, each once, in the order drawn: under a limit the first that fit are kept."""
    notes: tuple[str, ...] = ()
    """What the user should know about this draw, beyond the notes of the design."""


class Design(Hashable, Protocol):
    """The sampling design of one case: its certain arms, and the distribution of the others.

    Limits on the time of a case are not its concern: the sampler applies them to what is drawn.
    Most strategies need no other implementation than `bench.experiment.slot_design.SlotDesign`, whose probabilities
    are exact under a limit too.
    """

    @property
    def forced(self) -> tuple[Action, ...]:
        """The certain arms (inclusion probability 1), in the order in which a limit keeps them."""

    @property
    def forced_strata(self) -> tuple[Stratum, ...]:
        """The stratum of each forced action."""

    @property
    def free(self) -> tuple[Action, ...]:
        """All other allowed actions, in canonical order."""

    @property
    def strata(self) -> tuple[Stratum, ...]:
        """The stratum of each free action."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Requested arms that are left out, and why."""

    def draw(self, stream: Stream) -> list[int]:
        """A fresh draw: distinct positions in `free`, in the order drawn, distributed as `joint` states."""

    def propensities(self) -> list[float]:
        """The inclusion probability of each free action."""

    def joint(self) -> Floats:
        """(free, free): the joint inclusion probability of each pair; `propensities` on the diagonal."""

    def most(self, values: Sequence[int]) -> int:
        """An upper bound of the sum of `values` (one for each free action) over any draw."""


class Strategy(Hashable, Protocol):
    """A sampling strategy. Its methods are pure functions; one instance serves all benches and threads.

    - *Validity.* Arms are allowed actions of the case's `ArmSpace`, each at most once. A case has `rule.k` arms, or
      every allowed action where `uses_k` is False; where it has fewer, its notes explain why. `BenchError`, in one line
      that names the setting to change, where the rule cannot be met.
    - *Determinism.* What is drawn depends on the rule (its seed above all), the issue's id, the space, the baseline,
      the executed action and what `prepare` shares: never on the time, the process or the order of the backlog.
      Another `version` for any change that draws other arms from the same seed.
    - *Probabilities.* `design` states the inclusion probability of every allowed action and of every pair, over the
      draws of all seeds, given what `prepare` shares; `draw` follows it.
    - *Config.* It reads `rule` (K, seed, `include_baseline`, `include_executed`) and no other setting. Included
      actions are certain and count within K; the last executed action is not included where `races`.
    - *Replicates* are independent of the strategy: every arm takes them; where `races`, the first is the race's.
    - *Limits* (`ArmSpace.max_total_ms`) are applied to every strategy: drawn arms that no longer fit are left out,
      and the probabilities take that into account.
    """

    @property
    def name(self) -> str:
        """The value of `--strategy` and `action_sampling.strategy`; stored with each bench and arm."""

    @property
    def version(self) -> str:
        """`NAME.NUMBER`: stored with each arm, and a part of the key of its random stream."""

    @property
    def uses_k(self) -> bool:
        """Whether K limits the arms of a case; False where every allowed action is an arm."""

    @property
    def races(self) -> bool:
        """Whether all cases share their arms, and arms that lose are dropped while the bench runs.

        The first replicate of each arm then decides the race and is no evidence of how good the arm is.
        """

    def is_randomised(self, limited: bool) -> bool:
        """Whether chance decides which actions are arms of a case; `limited`: its arms may exceed their time limit.

        False marks the propensities as deterministic, and estimators use no inverse propensity of such a case.
        """

    def prepare(self, cases: Sequence[SamplingInput], ranks: Mapping[str, int]) -> list[SamplingInput]:
        """The cases of one bench with what they share (`rule.racers`, `dealt`); called once, before any is drawn.

        `ranks` is the admission rank of each issue, from 0. Raises `BenchError` where the cases of the
        bench cannot be sampled together.
        """

    def design(self, case: SamplingInput) -> Design:
        """The design of `case`, without regard to its issue: one object for all cases that share it.

        Raises `BenchError` where K is out of range or no action is allowed.
        """

    def draw(self, case: SamplingInput) -> Drawn:
        """The arms that `case` draws in addition to the certain arms, from `design(case)`."""
