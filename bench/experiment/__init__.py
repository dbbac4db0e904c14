"""The experimental design and its analysis, as pure functions: sampling, worst-case cost, winners, regret, labels."""
