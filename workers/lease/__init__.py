"""The lease of an execution: claim, heartbeat, release."""
