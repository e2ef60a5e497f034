"""StaticPod → files in kubelet's manifest directory."""

from collections.abc import Iterable

from controllers.kubernetes.layout import MANIFESTS_DIR
from controllers.ports import Ports
from controllers.resources.kubernetes import StaticPod
from controllers.resources.machine import FileSpec
from controllers.runtime.controller import SHARED, STRONG, Controller, Input, Output, View, Wanted


class StaticPodsController(Controller):
    """One file per static pod; kubelet starts, replaces and stops pods by them."""

    name = "kubernetes.StaticPodsController"
    inputs = (Input(StaticPod, kind=STRONG),)
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Every static pod as a file."""
        for pod in view.list(StaticPod):
            path = f"{MANIFESTS_DIR}/{pod.id}.json"
            yield Wanted(path, FileSpec(path=path, content=pod.spec.manifest, mode=0o400))
