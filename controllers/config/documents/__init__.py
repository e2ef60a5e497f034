"""Every kind of configuration document, one per file, and the table of them by name."""

from collections.abc import Mapping
from types import MappingProxyType

from controllers.config.document import Document
from controllers.config.documents.api_config import ApiConfig
from controllers.config.documents.cluster_config import ClusterConfig
from controllers.config.documents.dhcpv4_config import DHCPv4Config
from controllers.config.documents.etcd_config import EtcdConfig
from controllers.config.documents.existing_volume_config import ExistingVolumeConfig
from controllers.config.documents.hostname_config import HostnameConfig
from controllers.config.documents.install_config import InstallConfig
from controllers.config.documents.kernel_module_config import KernelModuleConfig
from controllers.config.documents.kubelet_config import KubeletConfig
from controllers.config.documents.kubernetes_secrets_config import KubernetesSecretsConfig
from controllers.config.documents.link_config import LinkConfig, RouteConfig
from controllers.config.documents.machine_config import MachineConfig, MachineType
from controllers.config.documents.raw_volume_config import RawVolumeConfig
from controllers.config.documents.resolver_config import ResolverConfig
from controllers.config.documents.swap_volume_config import SwapVolumeConfig
from controllers.config.documents.sysctl_config import SysctlConfig
from controllers.config.documents.time_sync_config import TimeSyncConfig
from controllers.config.documents.user_volume_config import UserVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.config.documents.wifi_config import WifiConfig, WifiNetwork, WifiSecurity

__all__ = [
    "KINDS",
    "ApiConfig",
    "ClusterConfig",
    "DHCPv4Config",
    "EtcdConfig",
    "ExistingVolumeConfig",
    "HostnameConfig",
    "InstallConfig",
    "KernelModuleConfig",
    "KubeletConfig",
    "KubernetesSecretsConfig",
    "LinkConfig",
    "MachineConfig",
    "MachineType",
    "RawVolumeConfig",
    "ResolverConfig",
    "RouteConfig",
    "SwapVolumeConfig",
    "SysctlConfig",
    "TimeSyncConfig",
    "UserVolumeConfig",
    "VolumeConfig",
    "WifiConfig",
    "WifiNetwork",
    "WifiSecurity",
]

_ORDER: tuple[type[Document], ...] = (
    MachineConfig,
    ClusterConfig,
    ApiConfig,
    EtcdConfig,
    KubernetesSecretsConfig,
    KubeletConfig,
    InstallConfig,
    HostnameConfig,
    LinkConfig,
    DHCPv4Config,
    WifiConfig,
    ResolverConfig,
    TimeSyncConfig,
    SysctlConfig,
    KernelModuleConfig,
    VolumeConfig,
    UserVolumeConfig,
    RawVolumeConfig,
    SwapVolumeConfig,
    ExistingVolumeConfig,
)

KINDS: Mapping[str, type[Document]] = MappingProxyType({cls.__name__: cls for cls in _ORDER})
"""Kind to type, in the order in which documents are written and documented."""
