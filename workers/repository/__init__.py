"""Git repositories of others: addresses, mirrors, submodules, large files."""
