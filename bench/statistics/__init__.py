"""Statistics of bench outcomes: off-policy estimates, intervals, winners, races, power and drift."""
