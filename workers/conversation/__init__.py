"""Conversation of a candidate as an ATIF trajectory: messages, tool calls and their results, step by step."""
