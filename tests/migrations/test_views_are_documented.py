"""No view or column of the reports is without a word of what it holds, and the reference says the same."""

import sqlalchemy as sa

from db.view_reference import PAGE, described_views, page


def test_every_view_and_every_column_has_a_comment_and_is_in_the_reference(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            sa.text("""
                SELECT c.relname, obj_description(c.oid) AS about, a.attname, col_description(c.oid, a.attnum) AS said
                FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v'
                ORDER BY c.relname, a.attnum""")
        ).all()
    assert found
    assert [(row.relname, row.attname) for row in found if not row.about or not row.said] == []
    by_view = {view.name: view for view in described_views()}
    assert {row.relname for row in found} == set(by_view)
    for name, view in by_view.items():
        assert view.columns == tuple((r.attname, r.said) for r in found if r.relname == name), name


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m db.view_reference"
