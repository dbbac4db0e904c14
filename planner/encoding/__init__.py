"""A planner_input as positions and tokens: the one encoding that training and inference share."""
