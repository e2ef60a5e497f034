"""Services: what PID 1 should run and how it goes."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Spec

SERVICES = "services"


class ServiceSpec(Spec, frozen=True, kw_only=True):
    """A wanted service; id = its name. The fields are PID 1's (see docs/architecture.md, Control socket)."""

    namespace: ClassVar[str] = SERVICES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ARGV", "argv"),)
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    cgroup: str
    memory_min: int = 0
    memory_low: int = 0
    memory_max: int = 0
    cpu_weight: int = 100
    oom_score_adj: int = 0
    capabilities: tuple[str, ...] | None = None
    no_new_privs: bool = False
    nofile: int = 1048576
    restart: str = "always"
    needs: tuple[str, ...] = ()
    stop_timeout: float = 20.0
    workdir: str = "/"
    # Not for PID 1: changes of these (for example the hash of a file that the program reads only at start) restart the service.
    restart_on: tuple[str, ...] = ()


class ServiceStatus(Spec, frozen=True, kw_only=True):
    """How a service goes; id = its name. `healthy` is None where no health check exists (yet)."""

    namespace: ClassVar[str] = SERVICES
    aliases: ClassVar[tuple[str, ...]] = ("service",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("STATE", "state"),
        ("HEALTHY", "healthy"),
        ("PID", "pid"),
        ("RESTARTS", "restarts"),
        ("MESSAGE", "message"),
    )
    state: str
    pid: int = 0
    restarts: int = 0
    message: str = ""
    healthy: bool | None = None


class ServiceHealth(Spec, frozen=True, kw_only=True):
    """What the health check of a service last said; id = the service's name."""

    namespace: ClassVar[str] = SERVICES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("HEALTHY", "healthy"), ("MESSAGE", "message"))
    healthy: bool
    message: str = ""


class ImageImport(Spec, frozen=True, kw_only=True):
    """An OCI archive of the root image that containerd has imported; id = the archive's file name."""

    namespace: ClassVar[str] = SERVICES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("IMAGES", "images"), ("ERROR", "error"))
    images: tuple[str, ...] = ()
    error: str = ""
