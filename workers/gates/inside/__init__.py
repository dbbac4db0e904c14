"""Code that runs inside a gate's own process. It needs Python 3.9 and pytest 7; the worker imports none of it."""
