"""Errors of the truth."""


class DbError(Exception):
    """The database cannot serve the request; the message names what, where, and what mends it."""
