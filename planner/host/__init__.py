"""What a host process needs around a model: its config, a deadline, caps, rollout."""
