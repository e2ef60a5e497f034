"""A DHCPv4 lease as the rest of the system may see it: checked, bounded, typed.

Whoever answers first on the wire decides what is in an option, so every value is checked (RFC 2132): what is not valid
is left out, and a lease without a usable address is refused.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from controllers.config.checks import is_dns_name
from controllers.runtime.resource import Part

MAX_SERVERS = 8
MIN_MTU, MAX_MTU = 576, 65535
MIN_LEASE_SECONDS = 30
INFINITE = 2**32 - 1


class Dhcp4Lease(Part, frozen=True, kw_only=True):
    """What a server granted. `address` in CIDR form; `expires` in seconds of the clock that it was checked with (0: never);
    `mtu` 0 when the server says none.
    """

    address: str
    server: str = ""
    gateway: str = ""
    nameservers: tuple[str, ...] = ()
    search_domains: tuple[str, ...] = ()
    timeservers: tuple[str, ...] = ()
    hostname: str = ""
    domain: str = ""
    mtu: int = 0
    expires: float = 0.0


def parse_lease(address: Any, options: Mapping[str, Any], now: float) -> Dhcp4Lease:
    """Return the lease of an acknowledgement's `yiaddr` and options. Raises `ValueError` when it cannot be used."""
    interface = _interface(address, options.get("subnet_mask"))
    seconds = options.get("lease_time")
    seconds = seconds & INFINITE if isinstance(seconds, int) else 0
    if seconds < MIN_LEASE_SECONDS:
        raise ValueError(f"a lease of {seconds} s")
    name = _name(options.get("host_name"))
    domain = _name(options.get("domain_name"))
    mtu = options.get("interface_mtu")
    gateways = [router for router in _hosts(options.get("router")) if router != str(interface.ip)]
    return Dhcp4Lease(
        address=str(interface),
        server=next(iter(_hosts([options.get("server_id")])), ""),
        gateway=gateways[0] if gateways else "",
        nameservers=_hosts(options.get("name_server")),
        search_domains=(domain,) if domain else (),
        timeservers=_hosts(options.get("ntp_servers")),
        hostname=name if len(name.partition(".")[0]) <= 63 else "",
        domain=domain,
        mtu=mtu if isinstance(mtu, int) and MIN_MTU <= mtu <= MAX_MTU else 0,
        expires=0.0 if seconds == INFINITE else now + seconds,
    )


def _interface(address: Any, mask: Any) -> ipaddress.IPv4Interface:
    try:
        interface = ipaddress.IPv4Interface(f"{address}/{mask or '255.255.255.0'}")
    except ValueError:
        raise ValueError(f"the address {str(address)[:20]!r} with mask {str(mask)[:20]!r}") from None
    ip = interface.ip
    if ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_reserved or interface.network.prefixlen < 8:
        raise ValueError(f"the address {interface}, which no host may have")
    return interface


def _hosts(values: Any) -> tuple[str, ...]:
    """Return the unicast addresses of an option, each once, at most eight."""
    found: dict[str, None] = {}
    for value in values if isinstance(values, Iterable) and not isinstance(values, (str, bytes)) else ():
        try:
            ip = ipaddress.IPv4Address(str(value))
        except ValueError:
            continue
        if not (ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_reserved):
            found[str(ip)] = None
    return tuple(found)[:MAX_SERVERS]


def _name(value: Any) -> str:
    """Return a DNS name of an option, or nothing; servers may end it with NUL or a dot."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return ""
    text = text.rstrip("\0").rstrip(".").lower()
    return text if is_dns_name(text) else ""
