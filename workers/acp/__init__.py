"""Client of the Agent Client Protocol: runs inside the sandbox, between the worker and any agent of that protocol."""
