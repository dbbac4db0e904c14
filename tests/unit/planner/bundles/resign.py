"""Changing a bundle in a way that its hashes do not show."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from planner.bundles.bundle import METADATA, metadata_hash


def rewrite(bundle: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to one of the bundle's documents and make every hash right again."""
    path = bundle / name
    document = json.loads(path.read_bytes())
    change(document)
    if name == METADATA:
        document["metadata_hash"] = metadata_hash(document)
    path.write_text(json.dumps(document))
    if name != METADATA:
        sign(bundle)


def sign(bundle: Path) -> None:
    """Hashes in metadata.json as the files are now."""
    path = bundle / METADATA
    metadata = json.loads(path.read_bytes())
    metadata["files"] = {
        name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in metadata["files"]
    }
    path.write_text(json.dumps({**metadata, "metadata_hash": metadata_hash(metadata)}))
