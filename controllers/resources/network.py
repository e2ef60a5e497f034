"""Network resources: what the machine's links, addresses, routes and names should be, and what the kernel says they are.

Sources write `*Spec` into the namespace `network-config` with ids that begin with their layer (`default/`, `cmdline/`,
`platform/`, `operator/`, `configuration/`); the merge controllers write the result into `network` under the id without it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Spec

NETWORK = "network"
NETWORK_CONFIG = "network-config"


class Layer(StrEnum):
    """Where a network setting comes from; a later one wins over an earlier one."""

    DEFAULT = "default"
    CMDLINE = "cmdline"
    PLATFORM = "platform"
    OPERATOR = "operator"
    CONFIGURATION = "configuration"

    @property
    def rank(self) -> int:
        """Position from lowest (0) to highest."""
        return list(Layer).index(self)


class HostnameSpec(Spec, frozen=True, kw_only=True):
    """The wanted host name; id `hostname`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("HOSTNAME", "hostname"), ("DOMAIN", "domain"))
    hostname: str
    domain: str = ""


class HostnameStatus(Spec, frozen=True, kw_only=True):
    """The host name that the kernel has; id `hostname`."""

    namespace: ClassVar[str] = NETWORK
    aliases: ClassVar[tuple[str, ...]] = ("hostname",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("HOSTNAME", "hostname"), ("DOMAIN", "domain"))
    hostname: str
    domain: str = ""


class LinkSpec(Spec, frozen=True, kw_only=True):
    """A wanted link; id = its name. `mtu` 0 leaves it alone."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("UP", "up"), ("MTU", "mtu"))
    name: str
    up: bool = True
    mtu: int = 0


class LinkStatus(Spec, frozen=True, kw_only=True):
    """A link as the kernel has it; id = its name."""

    namespace: ClassVar[str] = NETWORK
    aliases: ClassVar[tuple[str, ...]] = ("link",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("KIND", "kind"),
        ("HW ADDR", "hardware_address"),
        ("MTU", "mtu"),
        ("STATE", "operational_state"),
        ("CARRIER", "carrier"),
    )
    name: str
    index: int
    kind: str = ""
    physical: bool = False
    hardware_address: str = ""
    mtu: int = 0
    up: bool = False
    carrier: bool = False
    operational_state: str = "unknown"


class AddressSpec(Spec, frozen=True, kw_only=True):
    """A wanted address in CIDR form on a link; id = `LINK/ADDRESS`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ADDRESS", "address"), ("LINK", "link"))
    address: str
    link: str


class AddressStatus(Spec, frozen=True, kw_only=True):
    """An address that the kernel has; id = `LINK/ADDRESS`."""

    namespace: ClassVar[str] = NETWORK
    aliases: ClassVar[tuple[str, ...]] = ("address",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ADDRESS", "address"), ("LINK", "link"), ("SCOPE", "scope"))
    address: str
    link: str
    scope: str = "global"


class RouteSpec(Spec, frozen=True, kw_only=True):
    """A wanted route; `destination` in CIDR form or `default`; id = `LINK/DESTINATION/PRIORITY`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("DESTINATION", "destination"),
        ("GATEWAY", "gateway"),
        ("LINK", "link"),
        ("METRIC", "priority"),
    )
    destination: str
    link: str
    gateway: str = ""
    source: str = ""
    priority: int = 1024


class RouteStatus(Spec, frozen=True, kw_only=True):
    """A route that the kernel's main table has."""

    namespace: ClassVar[str] = NETWORK
    aliases: ClassVar[tuple[str, ...]] = ("route",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = RouteSpec.columns
    destination: str
    link: str
    gateway: str = ""
    source: str = ""
    priority: int = 0
    protocol: str = ""


class ResolverSpec(Spec, frozen=True, kw_only=True):
    """Wanted DNS servers; id `resolvers`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SERVERS", "servers"), ("SEARCH", "search_domains"))
    servers: tuple[str, ...] = ()
    search_domains: tuple[str, ...] = ()


class ResolverStatus(Spec, frozen=True, kw_only=True):
    """What /etc/resolv.conf says; id `resolvers`."""

    namespace: ClassVar[str] = NETWORK
    aliases: ClassVar[tuple[str, ...]] = ("resolver",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = ResolverSpec.columns
    servers: tuple[str, ...] = ()
    search_domains: tuple[str, ...] = ()


class TimeServerSpec(Spec, frozen=True, kw_only=True):
    """Wanted NTP servers, names or addresses; id `timeservers`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SERVERS", "servers"),)
    servers: tuple[str, ...] = ()


class OperatorSpec(Spec, frozen=True, kw_only=True):
    """A client that asks the network for settings; id = `dhcp4/LINK`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("OPERATOR", "operator"), ("LINK", "link"))
    link: str
    operator: str = "dhcp4"
    route_metric: int = 1024


class OperatorStatus(Spec, frozen=True, kw_only=True):
    """How such a client fares; id = `dhcp4/LINK`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("STATE", "state"), ("ADDRESS", "address"), ("SERVER", "server"))
    link: str
    operator: str = "dhcp4"
    state: str = "waiting"
    address: str = ""
    server: str = ""


class WifiStatus(Spec, frozen=True, kw_only=True):
    """How a wireless link fares; id = its name. `frequency` in MHz, `signal` in dBm (0: not known); `error`: why the last
    attempt to join failed, empty once it is connected.
    """

    namespace: ClassVar[str] = NETWORK
    aliases: ClassVar[tuple[str, ...]] = ("wifi",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("STATE", "state"),
        ("SSID", "ssid"),
        ("BSSID", "bssid"),
        ("MHZ", "frequency"),
        ("DBM", "signal"),
        ("SECURITY", "security"),
        ("ERROR", "error"),
    )
    quiet_fields: ClassVar[frozenset[str]] = frozenset({"signal"})
    link: str
    state: str
    ssid: str = ""
    bssid: str = ""
    frequency: int = 0
    signal: int = 0
    security: str = ""
    error: str = ""


class NodeAddress(Spec, frozen=True, kw_only=True):
    """Addresses of this node without prefix length. Ids: `default` (the one others should use; stable) and `current` (all)."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ADDRESSES", "addresses"),)
    addresses: tuple[str, ...]


class NetworkStatus(Spec, frozen=True, kw_only=True):
    """Whether the network can carry what is to come; id `status`."""

    namespace: ClassVar[str] = NETWORK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("ADDRESS", "address_ready"),
        ("CONNECTIVITY", "connectivity_ready"),
        ("HOSTNAME", "hostname_ready"),
        ("FILES", "files_ready"),
    )
    address_ready: bool = False
    connectivity_ready: bool = False
    hostname_ready: bool = False
    files_ready: bool = False
