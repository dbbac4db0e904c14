"""`python -m pytest`, with pytest and the reporter imported before the working directory is on the import path."""

import runpy

import bench_gate_report  # type: ignore[import-not-found]  # noqa: F401 — puts the working directory back

if __name__ == "__main__":
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)
