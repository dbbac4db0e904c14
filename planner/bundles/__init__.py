"""Model bundles: integrity checks, the inference session, golden cases and verification."""
