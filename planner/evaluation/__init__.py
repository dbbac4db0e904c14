"""What a policy is worth: calibration, collapse and outcome metrics, beside the controls."""
