"""A Celery loader that imports as Python does: the working directory is not searched first."""

from importlib import import_module
from types import ModuleType
from typing import Any

from celery.loaders.app import AppLoader


class InstalledLoader(AppLoader):  # type: ignore[misc]
    """Celery's own loader puts the working directory first on the import path, where a user may have a `db.py`."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> ModuleType:
        """The module, from the installation."""
        return (imp or import_module)(module, package=package)

    def find_module(self, module: str) -> ModuleType:
        """The module, from the installation."""
        return import_module(module)
