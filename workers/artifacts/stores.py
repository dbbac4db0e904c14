"""Object stores of artifacts: `file://`, `s3://`, `gs://` and `az://`, content-addressed by SHA-256."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from db.repositories.artifacts import IN_POSTGRES
from workers.addresses import without_credentials
from workers.errors import WorkerError

if TYPE_CHECKING:
    from obstore.store import ObjectStore as RemoteStore

SCHEMES: Final = ("file", "s3", "gs", "az")
UPLOAD_PATIENCE_SECONDS: Final = 2 * 3600.0
"""The longest time from the write of a blob to the record of its artifact, with a margin."""
_TIMEOUT: Final = timedelta(seconds=30)
_CREDENTIALS: Final = {"s3": ("AWS_",), "gs": ("GOOGLE_",), "az": ("AZURE_",)}


class ArtifactStoreError(WorkerError):
    """An object store cannot be opened, read or written."""


class ObjectStore:
    """Blobs under `<url>/sha256/<first two digits>/<digest>`; a put is idempotent."""

    def __init__(self, url: str, *, create: bool = False) -> None:
        """Credentials come from the environment, by the names that the store's own clients read. `create` makes the
        directory of a `file://` store.

        Raises `ArtifactStoreError` where the URL is none of a store.
        """
        self.url = url
        self._store = _open(url, create)

    def put(self, digest: str, body: bytes) -> None:
        """Store a blob. Raises `ArtifactStoreError` where it cannot be written."""
        from obstore import put

        self._call("written", lambda: put(self._store, _key(digest), body))

    def get(self, digest: str) -> bytes:
        """The bytes of a blob, verified. Raises `ArtifactStoreError` where it is missing or damaged."""
        from obstore import get

        body = bytes(self._call("read", lambda: get(self._store, _key(digest)).bytes()))
        if hashlib.sha256(body).hexdigest() != digest:
            raise ArtifactStoreError(f"{self.url}/{_key(digest)} is damaged: its bytes have another SHA-256")
        return body

    def delete(self, digest: str, written_before_seconds: float = 0.0) -> None:
        """Delete a blob that was written so many seconds ago or earlier; one that is missing is no error.

        A later one may belong to an artifact whose row is not stored yet.
        """
        from obstore import delete, head

        try:
            age = datetime.now(UTC) - head(self._store, _key(digest))["last_modified"]
            if age.total_seconds() >= written_before_seconds:
                delete(self._store, _key(digest))
        except FileNotFoundError:
            return
        except Exception as error:
            raise ArtifactStoreError(
                f"{self.url}: {_key(digest)} cannot be deleted: {_short(error)}"
            ) from None

    def _call(self, done: str, call: Any) -> Any:
        try:
            return call()
        except Exception as error:
            raise ArtifactStoreError(f"{self.url}: an artifact cannot be {done}: {_short(error)}") from None


@lru_cache(maxsize=16)
def store_at(url: str) -> ObjectStore:
    """The object store of a URL, for readers. Raises `ArtifactStoreError`."""
    return ObjectStore(url)


def check_store_url(url: str) -> str:
    """`url` if it names a store that can be opened; raises `ArtifactStoreError`."""
    if url == IN_POSTGRES:
        return url
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        known = ", ".join([IN_POSTGRES, *(f"{scheme}://…" for scheme in SCHEMES)])
        raise ArtifactStoreError(f"BENCH_ARTIFACTS_URL is {without_credentials(url)!r}; use one of {known}")
    if without_credentials(url) != url:
        raise ArtifactStoreError(
            "BENCH_ARTIFACTS_URL has a password in it, which every reader would see; "
            "give credentials by the variables of the store, such as AWS_ACCESS_KEY_ID"
        )
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ArtifactStoreError(f"BENCH_ARTIFACTS_URL is {url!r}; a directory is file:///absolute/path")
    if parts.scheme != "file" and not parts.netloc:
        raise ArtifactStoreError(f"BENCH_ARTIFACTS_URL is {url!r}; it names no bucket")
    return url.rstrip("/")


def is_credential(variable: str, url: str) -> bool:
    """Whether the store of this URL reads an environment variable: its credentials, region or endpoint."""
    return variable.startswith(_CREDENTIALS.get(urlsplit(url).scheme, ()))


def _open(url: str, create: bool) -> "RemoteStore":
    from obstore.store import LocalStore, from_url

    checked = check_store_url(url)
    try:
        if checked.startswith("file://"):
            directory = Path(urlsplit(checked).path)
            return LocalStore(directory, mkdir=create)
        # A lost server must not hold up a worker for the minutes that the library would retry.
        options: dict[str, Any] = {
            "client_options": {"timeout": _TIMEOUT, "connect_timeout": _TIMEOUT / 3, "allow_http": True},
            "retry_config": {"max_retries": 1, "retry_timeout": _TIMEOUT},
        }
        return from_url(checked, **options)
    except Exception as error:
        raise ArtifactStoreError(f"{checked} cannot be opened: {_short(error)}") from None


def _key(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
