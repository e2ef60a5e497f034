"""Where this boot runs and what is installed: command line, boot id and the image's release file.

Trap: `ophite.config=` on the command line is a whole configuration with its keys, so it is never shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import msgspec

from controllers.ports import Ports
from controllers.resources.machine import PlatformInfo, VersionInfo
from controllers.runtime.controller import Controller, Output, View, Wanted

LIMIT = 64 * 1024
PLATFORMS = ("metal", "qemu", "namespaces")
SECRET_KEYS = ("ophite.config",)


class Release(msgspec.Struct, frozen=True):
    """/usr/share/ophite/release.json, made at build time; `built` in seconds since the epoch."""

    version: str = "unknown"
    kubernetes: str = "unknown"
    board: str = "unknown"
    arch: str = ""
    built: int = 0


def parse_release(data: bytes) -> Release:
    """Return what a release file says; what is missing or wrong is `unknown`."""
    try:
        return msgspec.json.decode(data, type=Release)
    except msgspec.MsgspecError:
        return Release()


def hide_secrets(command_line: str) -> str:
    """Return the kernel command line without the values that are secret."""
    words = (word.partition("=") for word in command_line.split())
    return " ".join(f"{key}=[redacted]" if key in SECRET_KEYS else key + equals + value for key, equals, value in words)


class PlatformController(Controller):
    """Command line, boot id, release file, uname → `PlatformInfo`, `VersionInfo`."""

    name = "machine.PlatformController"
    outputs = (Output(PlatformInfo), Output(VersionInfo))

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        ports, paths = self._ports, self._ports.paths
        platform = ports.cmdline.get("ophite.platform", "metal")
        boot_id = self._read(paths.proc / "sys/kernel/random/boot_id").decode("ascii", "replace").strip()
        line = self._read(paths.proc / "cmdline").decode("utf-8", "replace")
        yield Wanted(
            "platform",
            PlatformInfo(
                platform=platform if platform in PLATFORMS else "metal",
                patience=ports.patience,
                boot_id=boot_id,
                command_line=hide_secrets(line),
            ),
        )
        release, machine = parse_release(self._read(paths.release)), os.uname()
        yield Wanted(
            "version",
            VersionInfo(
                version=release.version,
                kubernetes=release.kubernetes,
                kernel=machine.release,
                board=release.board,
                arch=release.arch or machine.machine,
                built=release.built,
            ),
        )

    @staticmethod
    def _read(path: Any) -> bytes:
        try:
            with path.open("rb") as file:
                return bytes(file.read(LIMIT))
        except OSError:
            return b""
