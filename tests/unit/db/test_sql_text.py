"""Statements are split and named as the server would read them."""

import pytest

from db.sql_text import split_statements


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; -- only a comment\n;/* and ; another", []),
        ("SELECT 1; SELECT 2;", [("SELECT", "SELECT 1"), ("SELECT", "SELECT 2")]),
        ("/* /* ; */ ; */ commit", [("COMMIT", "commit")]),
        ("-- x;\r(( SELECT ';' ))", [("SELECT", "(( SELECT ';' ))")]),
        ("SELECT 'a'';', \";\"\";\"", [("SELECT", "SELECT 'a'';', \";\"\";\"")]),
        (r"SELECT '\'; COMMIT", [("SELECT", r"SELECT '\'"), ("COMMIT", "COMMIT")]),
        (r"SELECT E'\';''', 1; COMMIT", [("SELECT", r"SELECT E'\';''', 1"), ("COMMIT", "COMMIT")]),
        ("SELECT $$;$$, $a$;$$;$a$; END", [("SELECT", "SELECT $$;$$, $a$;$$;$a$"), ("END", "END")]),
        ("SELECT a$b$; COMMIT; --$b$", [("SELECT", "SELECT a$b$"), ("COMMIT", "COMMIT")]),
        ("SELECT $1; COMMIT", [("SELECT", "SELECT $1"), ("COMMIT", "COMMIT")]),
        ("\xa0SELECT 1", [("\xa0SELECT", "\xa0SELECT 1")]),
        ("'x'; 1", [("", "'x'"), ("", "1")]),
        ("SELECT 'open; COMMIT", [("SELECT", "SELECT 'open; COMMIT")]),
        ("SELECT $$open; COMMIT", [("SELECT", "SELECT $$open; COMMIT")]),
    ],
)
def test_a_text_is_split_at_the_semicolons_between_statements(
    text: str, statements: list[tuple[str, str]]
) -> None:
    split = split_statements(text)
    assert [(each.command, each.text) for each in split] == statements
    assert all(text.startswith(each.text, each.start) for each in split)
