"""Sampling strategies: the contract, one file for each strategy, the registry, and the sampler over all of them."""
