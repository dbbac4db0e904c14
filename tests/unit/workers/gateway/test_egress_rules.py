"""What a program in a network of its own may connect to."""

import asyncio
import ipaddress
import socket

import pytest

from workers.gateway.egress_rules import EgressRefusedError, EgressRules, UnresolvedError, own_addresses

PUBLIC, PRIVATE = "203.0.113.7", "10.9.8.7"


def addresses(allow_list: list[str], host: str, port: int = 8000) -> list[str]:
    return list(map(str, asyncio.run(EgressRules.of(allow_list).addresses(host, port))))


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses by name, in place of the machine's resolver; each call takes the next."""
    names: dict[str, list[str]] = {}

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        if not names.get(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (names[host].pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return names


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "::1", "0.0.0.0", "localhost", "10.0.0.1", "169.254.169.254"),
        # Other spellings of 127.0.0.1, which the resolver understands.
        *("2130706433", "0x7f000001", "017700000001", "127.1", "127.000.0.1"),
    ],
)
def test_without_entries_nothing_local_is_admitted(host: str) -> None:
    with pytest.raises(EgressRefusedError, match="address, not named"):
        addresses([], host)


def test_without_entries_a_public_address_is_admitted(resolved: dict[str, list[str]]) -> None:
    resolved["example.org"] = [PUBLIC]
    assert addresses([], "example.org") == addresses([], PUBLIC) == [PUBLIC]


def test_without_entries_the_machine_s_own_addresses_are_not_admitted(
    resolved: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()
    own = {ipaddress.ip_address(PUBLIC)}
    monkeypatch.setattr("workers.gateway.egress_rules.own_addresses", lambda: own)
    resolved["this-machine.example"] = [PUBLIC] * 2
    for host in (PUBLIC, "this-machine.example"):
        with pytest.raises(EgressRefusedError, match="this machine's own"):
            addresses([], host)
    assert addresses(["this-machine.example"], "this-machine.example") == [PUBLIC]


def test_with_entries_only_they_are_admitted(resolved: dict[str, list[str]]) -> None:
    resolved |= {"a.example": [PUBLIC], "b.c.example": [PUBLIC]}
    rules = ["a.example:443", "*.c.example"]
    assert addresses(rules, "a.example", 443) == addresses(rules, "b.c.example", 5) == [PUBLIC]
    for host, port in (("a.example", 80), ("c.example", 443), (PUBLIC, 443)):
        with pytest.raises(EgressRefusedError, match="not in the egress list"):
            addresses(rules, host, port)


def test_a_named_host_may_be_private_and_one_below_a_wildcard_may_not(resolved: dict[str, list[str]]) -> None:
    resolved |= {"index.corp": [PRIVATE], "a.corp": [PRIVATE]}
    assert addresses(["index.corp"], "index.corp") == [PRIVATE]
    with pytest.raises(EgressRefusedError, match="no public address"):
        addresses(["*.corp"], "a.corp")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "224.0.0.1"])
def test_a_named_host_does_not_lead_to_the_loopback_or_the_link(
    resolved: dict[str, list[str]], address: str
) -> None:
    resolved["index.corp"] = [address]
    with pytest.raises(EgressRefusedError):
        addresses(["index.corp"], "index.corp")
    if address != "169.254.169.254":
        return
    assert addresses([address], address) == [address]


def test_a_port_of_the_loopback_is_admitted_where_it_is_named() -> None:
    assert addresses(["127.0.0.1:8000"], "127.0.0.1") == ["127.0.0.1"]
    assert "127.0.0.1" in addresses(["localhost:8000"], "localhost")
    with pytest.raises(EgressRefusedError):
        addresses(["127.0.0.1:8000"], "127.0.0.1", 8001)


def test_a_name_is_resolved_once_and_what_it_resolves_to_later_is_of_no_use(
    resolved: dict[str, list[str]],
) -> None:
    resolved["rebind.example"] = [PUBLIC, "127.0.0.1"]
    assert addresses([], "rebind.example") == [PUBLIC]
    assert resolved["rebind.example"] == ["127.0.0.1"]
    with pytest.raises(EgressRefusedError):
        addresses([], "rebind.example")


def test_a_name_without_an_address_is_no_refusal(resolved: dict[str, list[str]]) -> None:
    with pytest.raises(UnresolvedError, match=r"nowhere\.example cannot be resolved"):
        addresses([], "nowhere.example")
