"""What differs between Kubernetes versions, as a table by minor version; everything else is rendered alike.

Sources: the "Deprecation" and "API Change" sections of the CHANGELOG of each release. Golden files show the outcome.
"""

import re

import msgspec

_VERSION = re.compile(r"v?1\.(\d{1,3})(\.\d+)?\S*")
OLDEST = 20


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """Which flags and fields a version knows."""

    minor: int

    @property
    def kubelet_runtime_flags(self) -> bool:
        """`--container-runtime=remote` and the endpoint are flags; from 1.27 the endpoint is in the configuration."""
        return self.minor <= 26

    @property
    def kubelet_infra_image_flag(self) -> bool:
        """`--pod-infra-container-image` keeps the sandbox image from garbage collection; gone in 1.35."""
        return self.minor <= 34

    @property
    def kubelet_taints_field(self) -> bool:
        """`registerWithTaints` is in the configuration from 1.23; a flag before."""
        return self.minor >= 23

    @property
    def kubelet_fail_cgroup_v1(self) -> bool:
        """`failCgroupV1` exists from 1.31 and is true by default from 1.35: refused here, hosts of namespaces have v1."""
        return self.minor >= 31

    @property
    def dual_stack(self) -> bool:
        """A node may announce an address per family from 1.21."""
        return self.minor >= 21

    @property
    def insecure_port_flag(self) -> bool:
        """controller-manager and scheduler listen without TLS on all interfaces unless `--port=0`; gone in 1.24."""
        return self.minor <= 23

    @property
    def eviction_version(self) -> str:
        """API version of evictions: `policy/v1` from 1.22 on, `policy/v1beta1` before."""
        return "policy/v1" if self.minor >= 22 else "policy/v1beta1"

    @property
    def control_plane_taint(self) -> str:
        """Key of the taint that keeps ordinary pods away; renamed in 1.24."""
        name = "control-plane" if self.minor >= 24 else "master"
        return f"node-role.kubernetes.io/{name}"


def parse_features(version: str) -> Features:
    """Return the features of a version such as `1.20.2` or `v1.36.0`. Raises `ValueError`."""
    match = _VERSION.fullmatch(version)
    if match is None or int(match[1]) < OLDEST:
        raise ValueError(f"{version!r} is no Kubernetes version from 1.{OLDEST} on")
    return Features(minor=int(match[1]))
