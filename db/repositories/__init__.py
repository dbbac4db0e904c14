"""One file per aggregate turns intentions into SQL."""
