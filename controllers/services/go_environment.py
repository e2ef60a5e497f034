"""The environment of the node's Go programs (containerd, etcd, kubelet, the control plane).

Natively it is empty: the defaults of their runtime are right, unless memory is short (`memory_profile.py`). An emulated
processor pays for each interruption of a thread and for each look at a page many times over. So there the runtime preempts only
between functions, collects garbage less often (the machine has the memory), and runs one thread at a time, which never looks
for work of another.
Source: package runtime of Go, "Environment Variables".
"""

from __future__ import annotations

from controllers.ports import Ports
from controllers.services.memory_profile import find_profile

EMULATED = {"GODEBUG": "asyncpreemptoff=1", "GOGC": "300"}


def make_go_environment(ports: Ports, threads: int = 1) -> dict[str, str]:
    """Return the variables; patience above 1 says that the processor is emulated, `threads` how many may run at once then."""
    variables = {**EMULATED, "GOMAXPROCS": str(threads)} if ports.patience > 1 else {}
    gogc = find_profile(ports.memory).gogc
    return {**variables, "GOGC": str(gogc)} if gogc else variables
