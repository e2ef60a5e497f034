"""controller-manager and scheduler start after the API server answers.

Started together they only take its processor time and then crash for want of it, which kubelet answers with a back-off.
"""

from collections.abc import Iterable
from typing import Any

from controllers.kubernetes.pod import Component, make_static_pod
from controllers.resources.kubernetes import StaticPod
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.health import API_SERVER
from controllers.services.written_files import get_written


def want_after_api_server(
    view: View, component: Component, read_once: Iterable[str], read_again: Iterable[str], patience: float
) -> Wanted:
    """Return the component's static pod.

    In: the paths of its files, those that it reads only at its start and those that it reads again. The controller declares
    `FileStatus`, `ServiceHealth` and `StaticPod`. Raises `Waiting` until all are written and the API server is ready.
    """
    for path in read_again:
        get_written(view, path)
    hashes = [get_written(view, path) for path in read_once]
    check_api_server_first(view)
    return Wanted(component.name, make_static_pod(component, hashes, patience))


def check_api_server_first(view: View) -> None:
    """Raise `Waiting` until the API server is ready; what runs already stays."""
    health = view.find(ServiceHealth, API_SERVER)
    if not view.own(StaticPod) and not (health and health.spec.healthy):
        raise Waiting("the API server to answer /readyz")


def probe_healthz(port: int) -> dict[str, Any]:
    """Return the handler of a probe that asks a component's health page on loopback."""
    return {"httpGet": {"scheme": "HTTPS", "host": "127.0.0.1", "port": port, "path": "/healthz"}}
