"""The experiment: sampling, caps, winners, regret, labels, and the command line."""
