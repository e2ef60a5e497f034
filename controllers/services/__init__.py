"""Services: what PID 1 runs for the brain, how it goes, and the images that containerd starts with."""

from controllers.ports import Ports
from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return every controller of this domain."""
    from controllers.services.containerd_config import ContainerdConfigController
    from controllers.services.containerd_service import ContainerdServiceController
    from controllers.services.health import HealthController
    from controllers.services.image_import import ImageImportController
    from controllers.services.supervisor_apply import SupervisorApplyController
    from controllers.services.supervisor_status import SupervisorStatusController

    return [
        ContainerdConfigController(ports),
        ContainerdServiceController(ports),
        HealthController(ports),
        ImageImportController(ports),
        SupervisorApplyController(ports),
        SupervisorStatusController(ports),
    ]
