"""Stochastic policies: mappings from a planner_input to a distribution over the valid actions."""
