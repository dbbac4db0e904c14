"""The coordinator: admission, lease reaping, decisions, doorbell messages."""
