"""Numbers that can be trusted: propensities, noise, winners, policy values, and what each may claim."""
