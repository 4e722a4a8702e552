"""Which hosts a run may connect to, and where it may listen: what whoever runs it allows.

A name that is allowed says nothing of where it leads: an address that is none of the internet (this machine, the
network around it, a cloud's service for its machines) has to be allowed itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from transmissions.errors import NetworkRefused, ParameterError

__all__ = ["Network"]

_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_OWN_MACHINE = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_TRANSLATED = ip_network("64:ff9b::/96")
_INTERNET_V6 = ip_network("2000::/3")
"""What is given out of IPv6; all else is for local use, for translators of one network, or for nothing yet."""
_NONE_OF_IT = (ip_network("3fff::/20"), ip_network("192.88.99.0/24"))
"""Addresses for documentation and for relays that are no more, which not every Python's library knows."""
_Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Network:
    """What a run may connect to; nothing, unless it was made by `allowing`.

    Args:
        names: host names; `*.example.org` stands for all below `example.org`, `*` for all there are.
        addresses: networks of addresses, which need not be of the internet.
    """

    names: tuple[str, ...] = ()
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def allowing(cls, hosts: Iterable[str]) -> Network:
        """Return what is allowed by a list of names, addresses (`10.0.0.5`) and networks of them (`10.0.0.0/8`).

        `localhost` allows the name and the addresses of this machine.

        Raises:
            ParameterError: one of them is none of these.
        """
        names: list[str] = []
        addresses: list[IPv4Network | IPv6Network] = []
        for host in hosts:
            text = _plain(host.strip().removeprefix("[").removesuffix("]"))
            try:
                addresses.append(ip_network(text, strict=False))
                continue
            except ValueError:
                pass
            if text != "*" and not _NAME.fullmatch(text):
                raise ParameterError(
                    f'cannot allow the host "{host}": it is a name (example.org), names below one (*.example.org), '
                    "an address (10.0.0.5), a network (10.0.0.0/8), or * for every name"
                )
            names.append(text)
            addresses += _OWN_MACHINE if text == "localhost" else ()
        return cls(tuple(names), tuple(addresses))

    def check_name(self, host: str) -> None:
        """Check the host that an address of the web names.

        Raises:
            NetworkRefused: it is not allowed.
        """
        name = _plain(host)
        try:
            literal: _Address | None = ip_address(name)
        except ValueError:
            literal = None
        if literal is not None and any(_unwrapped(literal) in network for network in self.addresses):
            return
        if any(one in ("*", name) or (one.startswith("*.") and name.endswith(one[1:])) for one in self.names):
            return
        raise NetworkRefused(f"{host}: refused: this run may not connect to it; --allow-host {host} allows it")

    def check_address(self, host: str, address: str) -> None:
        """Check the address that a host's name leads to.

        Raises:
            NetworkRefused: it is none of the internet, and not allowed itself.
        """
        found = _unwrapped(ip_address(address.partition("%")[0]))
        if any(found in network for network in self.addresses):
            return
        if _is_of_the_internet(found):
            return
        raise NetworkRefused(
            f"{host}: refused: it is at {found}, which is no address of the internet; --allow-host {found} allows it"
        )

    def check_listening(self, address: str) -> None:
        """Check an address of this machine at which something is to be served: each has to be allowed itself.

        Raises:
            NetworkRefused: it is not allowed, or is no address.
        """
        try:
            found = _unwrapped(ip_address(address))
        except ValueError:
            raise NetworkRefused(f"{address}: refused: this is no address, such as 127.0.0.1, to listen at") from None
        if not any(found in network for network in self.addresses):
            raise NetworkRefused(f"{address}: refused: this run may not listen there; --allow-host {address} allows it")


def _plain(host: str) -> str:
    name = host.strip().lower().rstrip(".")
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def _is_of_the_internet(address: _Address) -> bool:
    if not address.is_global or address.is_multicast or any(address in network for network in _NONE_OF_IT):
        return False
    return isinstance(address, IPv4Address) or address in _INTERNET_V6


def _unwrapped(address: _Address) -> _Address:
    """Return the old address that a new one stands for, in one of the ways in which it may, or itself."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return inner
    number = int(address)
    if address in _TRANSLATED or (number >> 32 == 0 and number > 1):
        return IPv4Address(number & 0xFFFFFFFF)
    return address
