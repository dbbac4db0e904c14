"""One execution on one machine: from a work order to its result, a file a step."""
