"""Conversation of a candidate as an ATIF trajectory: what agent and model said, step by step."""
