"""The mind: documents, actions, policies. Reads files, never the database."""
