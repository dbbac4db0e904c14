"""Names that the worker and the plugin inside a gate's process share."""

PLUGIN = "bench_gate_report"
FD = "BENCH_GATE_FD"
"""Number of the inherited socket over which the plugin reports."""
PATH = "BENCH_GATE_PATH"
"""The plugin's directory, as the worker put it on PYTHONPATH."""
CWD = "BENCH_GATE_CWD"
"""Set where the interpreter was kept from putting its working directory on the import path."""
