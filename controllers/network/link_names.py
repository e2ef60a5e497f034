"""Which links are ours: physical ones, the loopback, and what the configuration names; never those of containers."""

from controllers.resources.network import LinkStatus

CONTAINER_PREFIXES = ("cni", "veth", "cali", "flannel", "docker", "cilium", "lxc", "kube-", "nodelocaldns")
"""Names that pod networks give to their links. Their addresses and routes are never looked at or touched."""


def is_container_link(name: str) -> bool:
    """Return whether a link belongs to a pod network, by its name."""
    return name.startswith(CONTAINER_PREFIXES)


def first_physical(links: list[LinkStatus]) -> LinkStatus | None:
    """Return the physical link with the lowest index, or None: the one meant where no name is given."""
    return min((link for link in links if link.physical), key=lambda link: link.index, default=None)
