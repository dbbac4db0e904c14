"""What runs inside a gate's own process. Python 3.9 and pytest 7 suffice; the worker imports none of it."""
