"""SQL of the report schema that people copy: shown, never run from here."""


def rows_of_bench(view: str, bench_id: str) -> str:
    """The query of all rows that `report.VIEW` has of a bench."""
    literal = bench_id.replace("'", "''")
    return f"SELECT * FROM report.{view} WHERE bench_id = '{literal}'"  # noqa: S608
