"""The stream: a backlog worked off day by day, each issue the way a policy chose."""
