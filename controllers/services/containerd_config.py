"""Platform → containerd's configuration file.

Version 2 of the format: containerd 1.6 and 1.7 read it, 2.x converts it while loading (its own sections of the CRI
plugin are then found under their old names).
"""

from collections.abc import Iterable
from typing import Any

from controllers.ports import Ports
from controllers.resources.machine import FileSpec, PlatformInfo
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

PAUSE_IMAGE = "ophite.local/pause:1"
"""The sandbox image; in every root image, never pulled."""

CONFIG_PATH = "/run/ophite/containerd/config.toml"
SOCKET = "/run/containerd/containerd.sock"
CNI_BIN, CNI_CONF = "/usr/lib/cni", "/run/ophite/cni"

UNUSED_PLUGINS = (
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.nri.v1.nri",
)
"""Each would only log that the node lacks what it needs, or open a door that nobody uses."""


class ContainerdConfigController(Controller):
    """Renders containerd's configuration."""

    name = "services.ContainerdConfigController"
    inputs = (Input(PlatformInfo, id="platform"),)
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One file."""
        platform = view.get(PlatformInfo, "platform").spec.platform
        content = render_containerd_config(in_namespaces=platform == "namespaces")
        yield Wanted(CONFIG_PATH, FileSpec(path=CONFIG_PATH, content=content))


def render_containerd_config(in_namespaces: bool) -> str:
    """Return the file. `in_namespaces`: the node is a set of namespaces, may not lower oom scores, and runc would die."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    tables: list[tuple[str, dict[str, Any]]] = [
        (
            "",
            {
                "version": 2,
                "root": "/var/lib/containerd",
                "state": "/run/containerd",
                "oom_score": 0 if in_namespaces else -999,
                "disabled_plugins": UNUSED_PLUGINS,
            },
        ),
        ("grpc", {"address": SOCKET}),
        (
            cri,
            {
                "sandbox_image": PAUSE_IMAGE,
                "restrict_oom_score_adj": in_namespaces,
                "disable_apparmor": in_namespaces,
                "enable_selinux": False,
            },
        ),
        (f"{cri}.cni", {"bin_dir": CNI_BIN, "conf_dir": CNI_CONF}),
        (
            f"{cri}.containerd",
            {"snapshotter": "overlayfs", "default_runtime_name": "runc", "discard_unpacked_layers": True},
        ),
        (f"{cri}.containerd.runtimes.runc", {"runtime_type": "io.containerd.runc.v2"}),
        (f"{cri}.containerd.runtimes.runc.options", {"SystemdCgroup": False, "BinaryName": "/usr/bin/runc"}),
        (f"{cri}.registry", {"config_path": "/run/ophite/containerd/certs.d"}),
    ]
    return "\n".join(_render_table(name, values) for name, values in tables)


def _render_table(name: str, values: dict[str, Any]) -> str:
    lines = [f"[{name}]"] if name else []
    lines += [f"{key} = {_render_value(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _render_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return f'"{value}"'
        case _:
            return "[" + ", ".join(_render_value(entry) for entry in value) + "]"
