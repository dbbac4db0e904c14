"""Reports, estimates, labels, plots and archives of a bench, computed from the rows of the database."""
