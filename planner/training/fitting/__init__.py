"""The training loop: batches, objectives, early stopping, curves."""
