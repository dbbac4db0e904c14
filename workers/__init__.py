"""One execution: claim, run, complete. Knows nothing of best-of-K."""
