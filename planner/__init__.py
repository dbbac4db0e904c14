"""The planner: documents, actions, datasets, policies, training and inference. It never reads the database."""
