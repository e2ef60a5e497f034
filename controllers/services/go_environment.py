"""The environment of the node's Go programs (containerd, etcd, kubelet, the control plane).

Natively it is empty: the defaults of their runtime are right. An emulated processor pays for each interruption of a thread and
for each look at a page many times over. So there the runtime preempts only between functions, collects garbage less often (the
machine has the memory), and runs one thread at a time, which never looks for work of another.
Source: package runtime of Go, "Environment Variables".
"""

from __future__ import annotations

EMULATED = {"GODEBUG": "asyncpreemptoff=1", "GOGC": "300"}


def make_go_environment(patience: float, threads: int = 1) -> dict[str, str]:
    """Return the variables; `patience` above 1 says that the processor is emulated, `threads` how many may run at once then."""
    return {**EMULATED, "GOMAXPROCS": str(threads)} if patience > 1 else {}
