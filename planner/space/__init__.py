"""The action space: output heads, decoding to valid actions, the baseline action."""
