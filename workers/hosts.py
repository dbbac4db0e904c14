"""Allow-list of network hosts: entries `name`, `name:port` and `*.name`; and which IP addresses are public."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FIRST_OFFERED_PORT: Final = 1024
"""The first port that a program without privileges can listen on."""
EGRESS_PORT: Final = 8378
"""Port of the egress proxy on a program's loopback."""
RESERVED_PORTS: Final = (8377, EGRESS_PORT)
"""Ports on a program's loopback that are taken: that of the model provider's door, and that of the proxy."""
_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_LOCALHOST: Final = "localhost"
_DOCUMENTATION: Final = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)
"""They lead nowhere in the internet; a closed laboratory may map its registries to them."""
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class HostEntry:
    """One entry of an allow-list."""

    host: str
    """In lower case; an IP address in its canonical form."""
    port: int | None
    """None: every port."""
    is_wildcard: bool = False
    """Whether it admits the names below `host`, and not `host` itself."""

    def matches(self, host: str, port: int) -> bool:
        """Whether it admits a host in the form of `normalized`."""
        if self.port is not None and self.port != port:
            return False
        return host.endswith(f".{self.host}") if self.is_wildcard else host == self.host

    @property
    def is_loopback(self) -> bool:
        """Whether it names this machine's own loopback."""
        address = address_of(self.host)
        return self.host == _LOCALHOST if address is None else address.is_loopback or address.is_unspecified

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'*.' if self.is_wildcard else ''}{host}{'' if self.port is None else f':{self.port}'}"


def host_entry(text: str) -> HostEntry:
    """The entry in its written form. Raises `ValueError` with one line that names the remedy."""
    is_wildcard = text.startswith("*.")
    host, port = split_port(text.removeprefix("*."))
    host = normalized(host)
    entry = HostEntry(host, port, is_wildcard)
    if is_wildcard and address_of(host) is not None:
        raise ValueError(f"{text!r:.80}: `*.` goes before a name; write the address alone")
    if entry.is_loopback and (port is None or port < FIRST_OFFERED_PORT or port in RESERVED_PORTS):
        raise ValueError(
            f"{text!r:.80}: of this machine's own loopback one port is named, such as localhost:8000; from "
            f"{FIRST_OFFERED_PORT} on, and not {' or '.join(map(str, RESERVED_PORTS))}"
        )
    return entry


def check_host_entry(text: str) -> str:
    """Returns an entry as it was written. Raises `ValueError` as `host_entry`."""
    host_entry(text)
    return text


def split_port(text: str) -> tuple[str, int | None]:
    """(host, port) of `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or a bare IPv6 address. Raises `ValueError`."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r:.80} is no host; write an IPv6 address as [address]:port")
        return host, _port(rest[1:], text) if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, _port(port, text) if colon else None


def _port(digits: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
        raise ValueError(f"{text!r:.80}: the port must be a number from 1 to 65535")
    return int(digits)


def normalized(host: str) -> str:
    """A host for comparison: lower case, ASCII, without the final dot. Raises `ValueError` where it cannot be one."""
    address = address_of(host)
    if address is not None:
        return str(address)
    try:
        name = host.lower().removesuffix(".") if host.isascii() else host[:253].encode("idna").decode()
    except UnicodeError:
        name = ""
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"{host!r:.80} is no host; write a name, `*.name`, an IP address, each with or without :port"
        )
    return name


def address_of(host: str) -> Address | None:
    """The IP address that `host` is; None for a name. An IPv4 address that is mapped into IPv6 is returned as IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's: not private, local, shared, multicast or reserved."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    if any(address in network for network in _DOCUMENTATION):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which a mapped, 6to4 or NAT64 address leads."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
