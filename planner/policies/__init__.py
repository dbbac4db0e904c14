"""Policies: what maps a planner_input to a distribution over the valid actions."""
