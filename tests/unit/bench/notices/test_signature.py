"""Signatures of Standard Webhooks, with the vector of the specification's own libraries."""

import base64

import pytest

from bench.notices.errors import NoticeError
from bench.notices.signature import signed_headers, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_vector_of_the_specification() -> None:
    """From the libraries of standard-webhooks and of Svix, which all have it."""
    headers = signed_headers(
        signing_key(SECRET, "X"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_another_id_time_or_body_is_another_signature() -> None:
    key = signing_key(SECRET, "X")
    signatures = {
        signed_headers(key, name, at, body)["webhook-signature"]
        for name, at, body in (("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y"))
    }
    assert len(signatures) == 4


def test_the_prefix_may_be_left_out() -> None:
    assert signing_key(SECRET.removeprefix("whsec_"), "X") == signing_key(f"{SECRET}\n", "X")


@pytest.mark.parametrize("length", [24, 64])
def test_the_bounds_of_a_key_are_those_of_the_specification(length: int) -> None:
    assert len(signing_key(base64.b64encode(bytes(length)).decode(), "X")) == length


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "plain words",
        "whsec_???",
        base64.b64encode(bytes(23)).decode(),
        base64.b64encode(bytes(65)).decode(),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(NoticeError, match=r"^the file F holds no secret of Standard Webhooks") as refused:
        signing_key(secret, "the file F")
    assert not secret or secret not in str(refused.value).replace("whsec_ and", "").replace('"whsec_$(', "")
