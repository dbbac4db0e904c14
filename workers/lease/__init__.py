"""The lease of an execution: claim, heartbeat, hand-back."""
