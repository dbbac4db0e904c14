"""Encoder and tokeniser of a planner_input, shared by training and inference."""
