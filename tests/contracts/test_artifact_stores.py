"""Every object store of artifacts keeps the same promises: a directory, and a real S3 server."""

import hashlib
from pathlib import Path

import pytest

from workers.artifacts.stores import ArtifactStoreError, ObjectStore

BODY = b"what a candidate left\n" * 100
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "file":
        return ObjectStore(f"file://{tmp_path}/artifacts", create=True)
    return ObjectStore(f"{request.getfixturevalue('s3_bucket')}/farm")


def test_a_blob_comes_back_as_it_was(store: ObjectStore) -> None:
    store.put(DIGEST, BODY)
    assert store.get(DIGEST) == BODY


def test_a_put_is_idempotent(store: ObjectStore) -> None:
    store.put(DIGEST, BODY)
    store.put(DIGEST, BODY)
    assert store.get(DIGEST) == BODY


def test_a_missing_blob_is_named(store: ObjectStore) -> None:
    with pytest.raises(ArtifactStoreError, match=r"an artifact cannot be read") as missing:
        store.get("0" * 64)
    assert "\n" not in str(missing.value)


def test_a_damaged_blob_is_not_returned(store: ObjectStore) -> None:
    store.put(DIGEST, BODY[:-1])
    with pytest.raises(ArtifactStoreError, match="is damaged"):
        store.get(DIGEST)


def test_a_deleted_blob_is_missing_and_deleting_it_again_is_no_error(store: ObjectStore) -> None:
    store.put(DIGEST, BODY)
    store.delete(DIGEST)
    store.delete(DIGEST)
    with pytest.raises(ArtifactStoreError):
        store.get(DIGEST)


def test_a_store_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lab-secret")
    with pytest.raises(ArtifactStoreError, match="cannot be written") as failed:
        ObjectStore("s3://bucket").put(DIGEST, BODY)
    assert "\n" not in str(failed.value)
    assert "lab-secret" not in str(failed.value)


def test_a_blob_that_was_written_a_moment_ago_is_not_deleted(store: ObjectStore) -> None:
    """A worker writes the bytes first and the row later."""
    store.put(DIGEST, BODY)
    store.delete(DIGEST, written_before_seconds=3600)
    assert store.get(DIGEST) == BODY


def test_a_reader_makes_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ArtifactStoreError, match="cannot be opened"):
        ObjectStore(f"file://{tmp_path}/missing")
    assert list(tmp_path.iterdir()) == []
