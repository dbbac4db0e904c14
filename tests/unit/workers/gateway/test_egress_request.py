"""The head of a request to the egress proxy, and what of it is passed on."""

import pytest

from workers.gateway.egress_request import BadRequestError, parse_request


def test_a_tunnel_names_host_and_port() -> None:
    request = parse_request(b"CONNECT PyPI.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (request.is_tunnel, request.host, request.port, request.authority) == (
        True,
        "pypi.org",
        443,
        "pypi.org:443",
    )
    assert parse_request(b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n").authority == "[::1]:443"


def test_a_plain_request_goes_to_the_origin_with_its_own_host_and_without_the_proxy_s_headers() -> None:
    head = (
        b"POST http://example.org:8000/a/b?c=d HTTP/1.1\r\nHost: other.example\r\nContent-Length: 3\r\n"
        b"Connection: keep-alive\r\nPROXY-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\n"
        b"Keep-Alive: 5\r\nX-Kept: yes\r\n\r\n"
    )
    request = parse_request(head)
    assert request.head() == (
        b"POST /a/b?c=d HTTP/1.1\r\nHost: example.org:8000\r\nContent-Length: 3\r\nX-Kept: yes\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert request.head(to_proxy=b"Proxy-Authorization: Basic own\r\n") == (
        b"POST http://example.org:8000/a/b?c=d HTTP/1.1\r\nHost: example.org:8000\r\nContent-Length: 3\r\n"
        b"X-Kept: yes\r\nConnection: close\r\nProxy-Authorization: Basic own\r\n\r\n"
    )
    assert b"Host: example.org\r\n" in parse_request(b"GET http://example.org HTTP/1.0\r\n\r\n").head()


@pytest.mark.parametrize(
    "head",
    [
        *(b"GET / HTTP/1.1", b"GET https://x/ HTTP/1.1", b"GET ftp://x/ HTTP/1.1", b"CONNECT x HTTP/1.1"),
        *(b"CONNECT x:99999 HTTP/1.1", b"GET http://[::1/ HTTP/1.1", b"GET http://x:y/ HTTP/1.1"),
        *(
            b"GET http:/// HTTP/1.1",
            b"GET http://a_b!/ HTTP/1.1",
            b"\xff\xfe",
            b"",
            b"G/T http://x/ HTTP/1.1",
        ),
        *(b"CONNECT \xff:443 HTTP/1.1", b"GET http://x/ HTTP/2", b"CONNECT fe80::1%eth0:443 HTTP/1.1"),
    ],
)
def test_anything_else_is_no_request(head: bytes) -> None:
    with pytest.raises(BadRequestError):
        parse_request(head + b"\r\n\r\n")
