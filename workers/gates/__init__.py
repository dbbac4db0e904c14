"""Gates: verification commands, each run in a clean check-out that the candidate cannot prepare."""
