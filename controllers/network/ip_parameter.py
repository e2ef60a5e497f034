"""The kernel command line's `ip=` (kernel documentation, admin-guide/nfs/nfsroot.rst), IPv4.

`ip=CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0`, or `ip=dhcp`, `ip=off`. What is not valid
is left out: a typing mistake on a boot prompt must not stop the boot.
"""

import ipaddress

from controllers.config.checks import is_address, is_dns_name
from controllers.runtime.resource import Part

_OFF = frozenset({"off", "none"})


class IpParameter(Part, frozen=True, kw_only=True):
    """What `ip=` says. `address` in CIDR form or empty; `device` empty: the first physical link; `dhcp`: False when it
    was turned off.
    """

    address: str = ""
    gateway: str = ""
    hostname: str = ""
    device: str = ""
    dhcp: bool = True
    nameservers: tuple[str, ...] = ()
    timeservers: tuple[str, ...] = ()


def parse_ip_parameter(text: str) -> IpParameter:
    """Return what the value of `ip=` means; an empty one means nothing."""
    if ":" not in text:
        return IpParameter(dhcp=text not in _OFF)
    fields = text.split(":")
    fields += [""] * (10 - len(fields))
    address = _cidr(fields[0], fields[3])
    return IpParameter(
        address=address,
        gateway=fields[2] if is_address(fields[2]) else "",
        hostname=fields[4] if is_dns_name(fields[4]) else "",
        device=fields[5] if len(fields[5]) <= 15 and "/" not in fields[5] else "",
        dhcp=not address and fields[6] not in _OFF,
        nameservers=tuple(server for server in fields[7:9] if is_address(server) and server != "0.0.0.0"),  # noqa: S104 - an address that means "none"
        timeservers=tuple(server for server in fields[9:10] if is_address(server)),
    )


def _cidr(address: str, mask: str) -> str:
    """Return address and netmask in CIDR form; without a mask the host alone, empty when they are not valid."""
    try:
        return str(ipaddress.IPv4Interface(f"{address}/{mask or 32}"))
    except ValueError:
        return ""
