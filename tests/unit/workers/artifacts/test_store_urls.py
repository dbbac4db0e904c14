"""The URL of an artifact store is checked before a worker starts."""

import pytest

from workers.artifacts.stores import ArtifactStoreError, check_store_url, is_credential
from workers.errors import WorkerError
from workers.settings import WorkerSettings


@pytest.mark.parametrize(
    "url", ["postgres:", "file:///srv/artifacts", "s3://bucket/prefix", "gs://bucket", "az://account/box"]
)
def test_stores_are_taken(url: str) -> None:
    assert check_store_url(url) == url
    assert WorkerSettings.from_environment({"BENCH_ARTIFACTS_URL": url}).artifacts_url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/srv/artifacts", "use one of postgres:, file://…"),
        ("http://bucket", "use one of postgres:"),
        ("postgres://user:pass@host/db", "use one of postgres:"),
        ("file://srv/artifacts", "a directory is file:///absolute/path"),
        ("s3://", "it names no bucket"),
        ("s3://key:secret@bucket", "has a password in it"),
    ],
)
def test_others_are_refused_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(WorkerError) as refused:
        WorkerSettings.from_environment({"BENCH_ARTIFACTS_URL": url})
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert isinstance(refused.value, ArtifactStoreError)


def test_only_the_credentials_of_the_store_go_to_a_worker() -> None:
    assert is_credential("AWS_SECRET_ACCESS_KEY", "s3://bucket")
    assert not is_credential("AWS_SECRET_ACCESS_KEY", "gs://bucket")
    assert not is_credential("AWS_SECRET_ACCESS_KEY", "postgres:")
    assert not is_credential("AWS_SECRET_ACCESS_KEY", "")
