"""How a bench chooses the winner of a case: the values of the columns `objective` and `tie_break`."""

from typing import Literal

Objective = Literal["minimize_duration", "minimize_cost", "maximize_quality"]
TieBreak = Literal["lower_max_candidates", "lower_max_minutes", "action_tuple_lexicographic"]
