"""The sidecar: decisions over JSON-RPC for hosts that are not Python."""
