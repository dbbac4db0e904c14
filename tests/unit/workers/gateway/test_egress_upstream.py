"""The machine's own proxies, as environment variables name them."""

import pytest

from workers.gateway.egress_upstream import UnsupportedProxyError, UpstreamProxy, Upstreams


def test_variables_name_a_proxy_for_each_scheme() -> None:
    upstreams = Upstreams.of(
        {"HTTPS_PROXY": "http://user:p%40ss@proxy.corp:3128", "http_proxy": "plain:8080"}
    )
    assert upstreams.for_host("http", "x", 80) == UpstreamProxy("plain", 8080, is_tls=False)
    secure = upstreams.for_host("https", "x", 443)
    assert secure is not None
    assert (secure.host, secure.port, secure.headers()) == (
        "proxy.corp",
        3128,
        b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n",
    )
    every = Upstreams.of({"ALL_PROXY": "https://proxy.corp", "HTTP_PROXY": ""})
    assert every.http == every.https == UpstreamProxy("proxy.corp", 443, is_tls=True)
    assert Upstreams.of({}).for_host("https", "x", 443) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("corp.example", "corp.example", True),
        (" .corp.example , x", "a.corp.example", True),
        ("*.corp.example", "a.corp.example", True),
        ("corp.example", "notcorp.example", False),
        ("corp.example:443", "corp.example", True),
        ("corp.example:80", "corp.example", False),
        ("*", "anything", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("::1", "::1", True),
        ("nonsense/8,[", "x", False),
        ("", "x", False),
    ],
)
def test_some_hosts_are_reached_directly(no_proxy: str, host: str, direct: bool) -> None:
    upstreams = Upstreams.of({"HTTPS_PROXY": "http://proxy", "NO_PROXY": no_proxy})
    assert (upstreams.for_host("https", host, 443) is None) is direct


@pytest.mark.parametrize("url", ["socks5://proxy:1080", "http://", "file:///x"])
def test_a_proxy_of_another_kind_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(UnsupportedProxyError, match="set HTTPS_PROXY and HTTP_PROXY"):
        Upstreams.of({"ALL_PROXY": url})
