"""What the farm costs and how fast it is, as ratios against a named yardstick in the same run."""
