"""Repositories: the queries of one aggregate a file. Rows are named tuples."""
