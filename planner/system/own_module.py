"""The command line of a Python module of ours, run without the working directory on its import path."""

import sys


def module_command(module: str, *arguments: str) -> list[str]:
    """`python -P -m MODULE ARGUMENTS` with this interpreter.

    Our packages have generic names: without `-P` a `db.py` or `workers.py` in the user's directory would be imported
    in their place. A flag, not PYTHONSAFEPATH, which the programs that a worker starts would inherit: their tests
    rely on the working directory.
    """
    return [sys.executable, "-P", "-m", module, *arguments]
