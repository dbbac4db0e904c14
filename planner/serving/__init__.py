"""Sidecar server: decisions over JSON-RPC, for hosts that are not Python."""
