"""Online scheduling of a backlog: issues run as they become ready, each with the action that a policy chose."""
