"""View models of single pages: pure values that templates show, made from what the inspection commands read."""
