"""Entry point of the Celery process: the command line of `celery`, with its application imported beforehand.

Celery imports the module that `--app` names with the working directory first on the import path, where a user may have
a `workers.py`; one that is loaded already is not searched for.
"""

import sys
from importlib import import_module

from celery.__main__ import main

if __name__ == "__main__":
    import_module(sys.argv[sys.argv.index("--app") + 1])
    main()
