"""Entries of an allow-list of hosts, what they admit, and which addresses are public."""

import ipaddress

import pytest
from pydantic import ValidationError

from workers.gateway.door import PORT
from workers.hosts import RESERVED_PORTS, host_entry, is_public, normalized, split_port
from workers.spec import Gate, Workcell


@pytest.mark.parametrize(
    ("text", "admitted", "others"),
    [
        ("PyPI.org.", [("pypi.org", 443), ("pypi.org", 80)], [("a.pypi.org", 443), ("notpypi.org", 443)]),
        ("pypi.org:443", [("pypi.org", 443)], [("pypi.org", 80)]),
        ("*.pypi.org", [("a.pypi.org", 1), ("a.b.pypi.org", 2)], [("pypi.org", 1), ("xpypi.org", 1)]),
        ("*.pypi.org:443", [("a.pypi.org", 443)], [("a.pypi.org", 80)]),
        ("bücher.example", [("xn--bcher-kva.example", 443)], []),
        ("127.0.0.1:8000", [("127.0.0.1", 8000)], [("localhost", 8000), ("127.0.0.1", 8001)]),
        ("[::1]:8000", [("::1", 8000)], [("127.0.0.1", 8000)]),
        ("::ffff:10.0.0.1", [("10.0.0.1", 5)], []),
    ],
)
def test_an_entry_admits_what_it_names(
    text: str, admitted: list[tuple[str, int]], others: list[tuple[str, int]]
) -> None:
    entry = host_entry(text)
    assert all(entry.matches(*target) for target in admitted)
    assert not any(entry.matches(*target) for target in others)
    assert host_entry(str(entry)) == entry


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("https://pypi.org", "write a name|must be a number"),
        ("pypi.org/simple", "write a name"),
        ("*", "write a name"),
        ("a.*.org", "write a name"),
        ("a b", "write a name"),
        ("x" * 64 + ".org", "write a name"),
        ("pypi.org:0", "from 1 to 65535"),
        ("pypi.org:65536", "from 1 to 65535"),
        ("pypi.org:²", "from 1 to 65535"),
        ("[::1", r"\[address\]:port"),
        ("*.10.0.0.1", "write the address alone"),
        ("localhost", "localhost:8000"),
        ("127.0.0.1:80", "from 1024"),
        (f"[::1]:{PORT}", "not 8377 or 8378"),
        ("0.0.0.0:8378", "not 8377 or 8378"),
    ],
)
def test_what_is_no_entry_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        host_entry(text)
    with pytest.raises(ValidationError, match=remedy):
        Workcell(repo="https://x/y", gates=[Gate(name="g", command=["true"])], egress=[text])


def test_the_reserved_ports_are_the_door_s_and_the_proxy_s() -> None:
    assert PORT in RESERVED_PORTS


def test_a_host_has_one_form() -> None:
    assert normalized("EXAMPLE.com.") == "example.com"
    assert normalized("::FFFF:127.0.0.1") == "127.0.0.1"
    assert normalized("0:0:0:0:0:0:0:1") == "::1"
    assert split_port("::1") == ("::1", None)
    assert split_port("[::1]:80") == ("::1", 80)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("203.0.113.9", True),
        ("64:ff9b::101:101", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("239.1.1.1", False),
        ("255.255.255.255", False),
        ("198.18.0.1", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is expected
