"""The pure decisions of the experiment: which arms, at what worst case, who won, by how much."""
