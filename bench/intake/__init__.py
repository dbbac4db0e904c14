"""Import of issues: parsing, dependencies, wait-for graph, slices."""
