"""Model bundles: written, opened, verified, and read as a policy."""
