"""Kubernetes on this node: kubelet, the static pods of a control plane, and what a new cluster begins with."""

from controllers.ports import Ports
from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return every controller of this domain."""
    from controllers.kubernetes.admin_kubeconfig import AdminKubeconfigController
    from controllers.kubernetes.apiserver import ApiServerController
    from controllers.kubernetes.cni import CniController
    from controllers.kubernetes.controller_manager import ControllerManagerController
    from controllers.kubernetes.kubeconfigs import KubeconfigsController
    from controllers.kubernetes.kubelet_config import KubeletConfigController
    from controllers.kubernetes.kubelet_service import KubeletServiceController
    from controllers.kubernetes.manifest_apply import ManifestApplyController
    from controllers.kubernetes.manifests import ManifestsController
    from controllers.kubernetes.node_apply import NodeApplyController
    from controllers.kubernetes.node_ip import NodeIPController
    from controllers.kubernetes.node_status import NodeStatusController
    from controllers.kubernetes.nodename import NodenameController
    from controllers.kubernetes.pki_files import PkiFilesController
    from controllers.kubernetes.scheduler import SchedulerController
    from controllers.kubernetes.serving_apply import ServingApplyController
    from controllers.kubernetes.static_pod_status import StaticPodStatusController
    from controllers.kubernetes.static_pods import StaticPodsController

    return [
        AdminKubeconfigController(ports),
        ApiServerController(ports),
        CniController(ports),
        ControllerManagerController(ports),
        KubeconfigsController(ports),
        KubeletConfigController(ports),
        KubeletServiceController(ports),
        ManifestApplyController(ports),
        ManifestsController(ports),
        NodeApplyController(ports),
        NodeIPController(ports),
        NodeStatusController(ports),
        NodenameController(ports),
        PkiFilesController(ports),
        SchedulerController(ports),
        ServingApplyController(ports),
        StaticPodStatusController(ports),
        StaticPodsController(ports),
    ]
