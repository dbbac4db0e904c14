"""One execution on one machine: from a work order to its result, one module for each step."""
