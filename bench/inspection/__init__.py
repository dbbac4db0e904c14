"""One execution, arm or case at a time: what it did, what it printed, what it changed."""
