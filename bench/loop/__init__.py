"""The loop: bench, train and evaluate a policy by cross-validation."""
