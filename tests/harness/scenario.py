"""What a user does with a node, step by step, for nodes in QEMU and in namespaces alike.

Each step asserts what it promises and takes its times in seconds since power-on. Limits are for a native processor; a node
that emulates one gets them multiplied.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.harness.nodes import TEST_IMAGE, Running, wait_for

POD_TEXT = "the pod says hello"
KILLS = 20
KEPT = ("etcd", "containerd", "kubelet")

# It runs in the PID namespace of the node, looks for each of the two processes among the children of PID 1, and kills it 20
# times, both side by side, each process once. Looking starts no program, because that would take seconds on an emulated node.
KILL_SCRIPT = f"""
find_child() {{
  found=
  read -r children < /proc/1/task/1/children
  for child in $children; do
    line=
    {{ read -r line < /proc/$child/cmdline; }} 2>/dev/null
    case $line in *"/usr/lib/$1.pyc"*) found=$child ;; esac
  done
}}
kill_often() {{
  count=0
  last=
  while [ $count -lt {KILLS} ]; do
    find_child "$1"
    if [ -z "$found" ] || [ "$found" = "$last" ] || ! kill -9 "$found"; then
      busybox sleep 0.2
      continue
    fi
    last=$found
    count=$((count + 1))
    echo "killed $1 $found"
    busybox sleep $((count % 3))
  done
}}
kill_often ophite/controllers/__main__ &
kill_often ophite/api/server/__main__ &
wait
echo "all killed"
"""


def render_pod(name: str, script: str, **spec: Any) -> str:
    """A pod of the test image that runs a shell script and ends, or stays when the script does.

    It asks for a share of the processor: without one it gets next to nothing while the node's own services are busy.
    """
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "test",
                    "image": TEST_IMAGE,
                    "imagePullPolicy": "Never",
                    "command": ["/bin/busybox", "sh", "-c", script],
                    "env": [{"name": "PATH", "value": "/bin"}],
                    "resources": {"requests": {"cpu": "500m"}},
                }
            ],
            **spec,
        },
    }
    return json.dumps(pod)


@dataclass
class Scenario:
    """A node and how long it takes; `patience` multiplies every limit, `began` is when it was powered on."""

    node: Running
    patience: int
    began: float
    times: dict[str, float] = field(default_factory=dict)

    def wait(self, what: str, check: Callable[[], object], seconds: float) -> None:
        """Wait until `check` gives something true; an emulated node is left alone in between, because looking costs it."""
        wait_for(what, check, seconds * self.patience, 1 if self.patience == 1 else 5)

    def took(self, what: str) -> None:
        """Note the time since power-on, and say it."""
        self.times[what] = round(time.monotonic() - self.began, 1)
        self.node.say(f"{what} at {self.times[what]} s")

    def save(self, path: Path, **more: Any) -> None:
        """Write times and other measures down as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"seconds_since_power_on": self.times, **more}, indent=2) + "\n")

    def find_certificate(self) -> bytes:
        """The API's certificate (DER), or nothing while it does not answer."""
        host, _, port = self.node.cluster.api.rpartition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((host, int(port)), timeout=5 * self.patience) as plain,
            context.wrap_socket(plain) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""

    def wait_for_maintenance(self) -> None:
        """The API answers without a configuration, with the certificate that the console announces."""
        wait_for("the API in maintenance mode", self.find_certificate, 30 * self.patience, 0.5)
        self.took("API answers")
        fingerprint = sha256(self.find_certificate()).hexdigest()
        wait_for("the fingerprint on the console", lambda: fingerprint in re.sub("[: ]", "", self.node.console).lower(), 30)
        assert "maintenance" in self.node.ophite("get", "machinestage", "--insecure", "-n", self.node.cluster.api)
        refused = self.node.ophite("kubeconfig", "-o", "-", "--insecure", "-n", self.node.cluster.api, check=False)
        assert "client-key-data" not in refused

    def apply_configuration(self) -> None:
        """The second of the three commands."""
        file = str(self.node.cluster.directory / "controlplane.yaml")
        self.node.ophite("apply-config", "--insecure", "-n", self.node.cluster.api, "-f", file)
        self.wait("the API with mutual TLS", lambda: self.node.ophite("version", timeout=60), 60)
        self.took("configured")

    def bootstrap(self) -> None:
        """The third; and once more, which is refused."""
        self.wait("bootstrap", lambda: self.node.ophite("bootstrap"), 60)
        self.wait("etcd", self.is_etcd_healthy, 60)
        self.took("etcd healthy")
        again = self.node.ophite("bootstrap", check=False)
        assert "being created" not in again, again

    def is_etcd_healthy(self) -> bool:
        """Does the brain say that etcd is healthy?"""
        return any(resource["spec"]["healthy"] for resource in self.node.get("etcdstatus"))

    def wait_until_ready(self) -> None:
        """The node is Ready, by `ophite health` and by kubectl."""
        seconds = 120 * self.patience
        self.node.ophite("health", "--timeout", f"{seconds}s", timeout=seconds + 60)
        if not self.node.cluster.kubeconfig.exists():
            self.node.fetch_kubeconfig()
        self.wait("a Ready node in kubectl", self.is_node_ready, 60)
        self.took("node Ready")

    def is_node_ready(self) -> bool:
        """Does kubectl show one node, Ready?"""
        lines = self.node.kubectl("get", "nodes", "--no-headers", timeout=60).splitlines()
        return [line.split()[1] for line in lines] == ["Ready"]

    def run_pod(self) -> None:
        """A plain pod runs, and its log can be read."""
        pod = render_pod("hello", f"echo '{POD_TEXT}'; exec busybox sleep 100000")
        self.wait("the pod to be taken", lambda: self.node.kubectl("apply", "-f", "-", stdin=pod), 60)
        self.wait_for_log("hello", POD_TEXT)
        self.took("pod's log read")

    def wait_for_log(self, pod: str, text: str, seconds: float = 60) -> str:
        """Wait until a pod's log holds a text; the log."""
        self.wait(f"{text!r} in the log of {pod}", lambda: text in self.node.kubectl("logs", pod, timeout=120), seconds)
        return self.node.kubectl("logs", pod)

    def find_pids(self) -> dict[str, int]:
        """The process ids of the services that must survive their brain."""
        states = {item["metadata"]["id"]: item["spec"] for item in self.node.get("servicestatus")}
        return {name: int(states[name]["pid"]) for name in KEPT}

    def kill_brain_and_face(self) -> None:
        """Each is killed 20 times; the services go on as the same processes, and the node is ready again."""
        before = self.find_pids()
        self.node.kubectl(
            "apply", "-f", "-", stdin=render_pod("killer", f"{KILL_SCRIPT}\nexec busybox sleep 100000", hostPID=True)
        )
        log = self.wait_for_log("killer", "all killed", 180)
        self.took("brain and API killed often")
        assert log.count("killed ophite/controllers") == KILLS
        assert log.count("killed ophite/api") == KILLS
        self.wait("the same services", lambda: self.find_pids() == before, 60)
        self.node.ophite("health", "--timeout", f"{120 * self.patience}s", timeout=150 * self.patience)
        self.took("ready after it")
        self.node.kubectl("delete", "pod", "killer", "--wait=false")

    def measure_memory(self) -> dict[str, int]:
        """Resident bytes of init, controllers and api, printed."""
        value = json.loads(self.node.ophite("inspect", "memory", "-o", "json"))
        found = {str(process["name"]): int(process["resident"]) for process in value["processes"]}
        for name, size in found.items():
            self.node.say(f"resident memory of {name}: {size / (1 << 20):.1f} MiB")
        return found
