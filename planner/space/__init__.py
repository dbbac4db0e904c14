"""The action space as numbers: output heads, masked decoding, the baseline action."""
