"""Admission of outgoing connections: an allow-list, one name resolution, and the addresses that it may lead to.

A connection is made to the very addresses that were judged: a name that resolves differently a moment later (DNS
rebinding) gains nothing.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial

import psutil

from workers.hosts import Address, HostEntry, address_of, host_entry, is_public

_RESOLVERS = 8
_RESOLVE_SECONDS = 30.0


class EgressRefusedError(Exception):
    """The connection is not admitted; the message is the reason in a few words."""


class UnresolvedError(Exception):
    """The name has no address, or none was found in time."""


@dataclass(frozen=True)
class EgressRules:
    """The allow-list of one program; without entries every public address is admitted.

    | entry | admits |
    | --- | --- |
    | an address, or `localhost` with a port | that address, whatever it is |
    | a name | its public and private addresses, but not loopback, link-local and multicast ones |
    | `*.name` | the public addresses of names below it |
    """

    entries: tuple[HostEntry, ...] = ()

    @classmethod
    def of(cls, allow_list: Sequence[str]) -> "EgressRules":
        """The rules of a workcell's `egress`. Raises `ValueError` for an entry that is none."""
        return cls(tuple(map(host_entry, allow_list)))

    def entry_for(self, host: str, port: int) -> HostEntry | None:
        """The entry that names a host (`normalized`), an exact one first; None where every public one is admitted.

        Raises `EgressRefusedError` where there are entries and none names it.
        """
        entries = sorted(self.entries, key=lambda entry: entry.is_wildcard)
        entry = next((entry for entry in entries if entry.matches(host, port)), None)
        if entry is None and self.entries:
            raise EgressRefusedError("not in the egress list")
        return entry

    async def addresses(self, host: str, port: int) -> list[Address]:
        """The admitted addresses of a host (`normalized`). Raises `EgressRefusedError` and `UnresolvedError`."""
        entry = self.entry_for(host, port)
        resolved = await resolve(host, port)
        admitted = [address for address in resolved if _admits(entry, address)]
        if not admitted:
            raise EgressRefusedError(f"{_kind(resolved[0])} address, not named in the egress list")
        return admitted


@lru_cache(maxsize=1)
def _resolvers(_pid: int) -> ThreadPoolExecutor:
    """Threads for the names that candidates ask for: slow ones delay no call to a provider."""
    return ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="egress-resolver")


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, without repetitions. Raises `UnresolvedError`."""
    literal = address_of(host)
    if literal is not None:
        return [literal]
    loop = asyncio.get_running_loop()
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            results = await loop.run_in_executor(_resolvers(os.getpid()), look_up)
    except (OSError, UnicodeError) as error:
        raise UnresolvedError(f"{host} cannot be resolved: {error}") from None
    addresses = [address_of(str(sockaddr[0])) for *_, sockaddr in results]
    return list(dict.fromkeys(address for address in addresses if address is not None))


def _admits(entry: HostEntry | None, address: Address) -> bool:
    if is_public(address) and address not in own_addresses():
        return True
    if entry is None or entry.is_wildcard:
        return False
    if entry.is_loopback:
        return address.is_loopback or address_of(entry.host) is not None
    if address_of(entry.host) is not None:
        return True
    return not (
        address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    )


def own_addresses() -> set[Address]:
    """The addresses of this machine's interfaces, at this moment."""
    addresses = [
        address_of(each.address.partition("%")[0])
        for interface in psutil.net_if_addrs().values()
        for each in interface
        if each.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return {address for address in addresses if address is not None}


def _kind(address: Address) -> str:
    if address.is_loopback or address.is_unspecified or address in own_addresses():
        return "this machine's own"
    return "no public"
