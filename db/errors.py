"""Errors of the database."""


class DbError(Exception):
    """The database cannot serve the request; the message names what, where, and how to correct it."""


class RowMismatchError(TypeError):
    """A query and the type of its rows differ: an error in this package, never of a user."""

    def __init__(self, row_type: str, fields: tuple[str, ...], columns: tuple[str, ...]) -> None:
        super().__init__(
            f"{row_type} has the fields {', '.join(fields)}; the query returns {', '.join(columns)}"
        )
