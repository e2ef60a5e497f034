"""The files of /etc and the empty places of the root image: data, rendered without reading the host."""

from __future__ import annotations

import json
from pathlib import Path

# name → uid; each has a group of the same name and number
USERS = {
    "root": 0,
    "ophite-api": 50,
    "etcd": 60,
    "kube-apiserver": 61,
    "kube-controller-manager": 62,
    "kube-scheduler": 63,
    "ophite-wifi": 64,
    "nobody": 65534,
}
NSSWITCH = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nprotocols: files\nservices: files\n"
DIRECTORIES = (
    "dev", "proc", "sys", "run", "tmp", "var", "state", "etc/cni/net.d", "etc/kubernetes", "opt/cni/bin", "mnt", "root", "home",
)  # fmt: skip
LINKS = {
    "bin": "usr/bin",
    "sbin": "usr/bin",
    "lib": "usr/lib",
    "usr/sbin": "bin",
    "etc/hostname": "/run/ophite/etc/hostname",
    "etc/hosts": "/run/ophite/etc/hosts",
    "etc/resolv.conf": "/run/ophite/etc/resolv.conf",
    "etc/machine-id": "/run/ophite/etc/machine-id",
    "etc/mtab": "/proc/self/mounts",
    "etc/ssl/cert.pem": "certs/ca-certificates.crt",
}


def render_passwd() -> str:
    """passwd(5). Nobody has a shell, because there is none."""
    return "".join(f"{name}:x:{uid}:{uid}:{name}:/:/nonexistent\n" for name, uid in USERS.items())


def render_group() -> str:
    """group(5)."""
    return "".join(f"{name}:x:{gid}:\n" for name, gid in USERS.items())


def render_os_release(version: str, board: str) -> str:
    """os-release(5); systemd-boot orders boot entries by IMAGE_VERSION."""
    fields = {
        "NAME": "Ophite",
        "ID": "ophite",
        "PRETTY_NAME": f"Ophite {version}",
        "VERSION_ID": version,
        "IMAGE_ID": "ophite",
        "IMAGE_VERSION": version,
        "VARIANT_ID": board,
    }
    return "".join(f'{key}="{value}"\n' for key, value in fields.items())


def render_release(version: str, kubernetes: str, board: str, arch: str, built: int) -> str:
    """/usr/share/ophite/release.json, which the node reads to know what it is."""
    fields = {"version": version, "kubernetes": kubernetes, "board": board, "arch": arch, "built": built}
    return json.dumps(fields, sort_keys=True) + "\n"


def join_certificates(tree: Path) -> str:
    """All certificates of the package ca-certificates in one file, in order of name."""
    files = sorted((tree / "usr/share/ca-certificates").rglob("*.crt"))
    return "".join(path.read_text() for path in files)
