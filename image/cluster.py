"""Local clusters for trying out and for tests: `python -m image.cluster create|destroy|show|start|stop`.

Model: `create` is a table of steps: write down what will be, generate a configuration, power the node on, and do what a user
does (`ophite up`). The command line is called as a program, because the build imports nothing of it.
The node's clock is this host's: a virtual machine has it as its RTC, a namespace shares it; so time synchronisation is off, and
a cluster needs no network beyond this host.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from image import namespaces, qemu
from image.arch import ARCHES, get_host_arch
from image.cluster_state import Cluster, check_name, find_cluster, find_clusters, get_cluster
from image.errors import CommandError, ImageError
from image.node_network import NodeNetwork, find_subnet, find_used_networks
from image.qemu_boards import HARDWARE, check_boot, find_arch, get_hardware
from image.qemu_disks import parse_disk
from image.run import run

QEMU_NODE_ADDRESS = "10.0.2.15"  # the first that QEMU's user network gives
DEFAULT_NAME = "ophite"
DEFAULT_IMAGE = "build/image"
UP_SECONDS = {"qemu": 2700, "namespaces": 300}
CLI_SECONDS = 120.0
SOURCES = Path(__file__).resolve().parent.parent
TIME_DOCUMENT = "---\napiVersion: ophite/v1\nkind: TimeSyncConfig\nenabled: false\n"
KUBERNETES_PORT = 6443
API_PORT = 50000


def say(text: str) -> None:
    """One line of progress, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_ophite(*words: str | Path, timeout: float = CLI_SECONDS, show: bool = True) -> None:
    """Run the command line; raises `CommandError`.

    In: `timeout` in seconds; `show`, whether its output goes to the user, as its progress and its errors always do.
    """
    argv = [sys.executable, "-m", "api.cli", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    try:
        output = None if show else subprocess.DEVNULL
        done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"ophite {' '.join(argv[3:])}: not done after {timeout:g} s") from error
    if done.returncode != 0:
        raise CommandError(f"ophite {' '.join(argv[3:])}: exit status {done.returncode}")


def plan_cluster(options: argparse.Namespace) -> Cluster:
    """The cluster that these options describe, with free ports or a free network of this host."""
    image = Path(options.image_dir).resolve()
    arch = options.arch or (HARDWARE[options.hardware].arch if options.hardware else find_arch(image) or get_host_arch().name)
    hardware = get_hardware(options.hardware, arch)
    boot = options.boot or hardware.boots[0]
    check_boot(hardware, boot)
    if options.provisioner == "qemu":
        api, kubernetes = f"127.0.0.1:{qemu.find_free_port()}", f"127.0.0.1:{qemu.find_free_port()}"
        address, subnet = QEMU_NODE_ADDRESS, ""
    else:
        network = NodeNetwork(options.name, find_subnet(find_used_networks()))
        address, subnet = network.node_address, str(network.subnet)
        api, kubernetes = f"{address}:{API_PORT}", f"{address}:{KUBERNETES_PORT}"
    return Cluster(
        name=check_name(options.name),
        provisioner=options.provisioner,
        image=str(image),
        boot=boot,
        memory=options.memory,
        cpus=options.cpus,
        arch=arch,
        hardware=options.hardware,
        disk=options.disk,
        node_address=address,
        api=api,
        kubernetes=kubernetes,
        command_line=options.command_line,
        subnet=subnet,
        medium=str(Path(options.iso).resolve()) if options.iso else "",
        medium_bus=options.iso_bus,
        disks=tuple(options.extra_disk),
        watchdog=options.watchdog,
    )


def make_machine(cluster: Cluster) -> qemu.Machine:
    """The cluster's node as a virtual machine."""
    return qemu.Machine(
        directory=cluster.node_directory,
        image=Path(cluster.image),
        boot=cluster.boot,
        arch=cluster.arch,
        hardware=cluster.hardware,
        memory=cluster.memory,
        cpus=cluster.cpus,
        disk=cluster.disk,
        api_port=int(cluster.api.rpartition(":")[2]),
        kubernetes_port=int(cluster.kubernetes.rpartition(":")[2]),
        command_line=cluster.command_line,
        medium=Path(cluster.medium) if cluster.medium else None,
        medium_bus=cluster.medium_bus,
        blank=bool(cluster.medium),
        watchdog=cluster.watchdog,
        disks=tuple(parse_disk(f"disk{number}", text) for number, text in enumerate(cluster.disks, 2)),
    )


def make_node(cluster: Cluster) -> namespaces.Node:
    """The cluster's node in namespaces."""
    image = Path(cluster.image)
    return namespaces.Node(cluster.name, cluster.node_directory, image, cluster.subnet, cluster.command_line)


def write_configuration(cluster: Cluster) -> None:
    """Generate the node's configuration, and the client's with the address that this host reaches the node by."""
    endpoint = f"https://{cluster.node_address}:{KUBERNETES_PORT}"
    sans = "127.0.0.1,localhost"
    run_ophite("gen", "config", cluster.name, endpoint, "--output", cluster.directory, "--sans", sans, "--allow-scheduling")
    run_ophite("--ophiteconfig", cluster.ophiteconfig, "config", "endpoints", cluster.api)
    for name in ("controlplane.yaml", "worker.yaml"):
        path = cluster.directory / name
        text = path.read_text()
        if not re.search("^kind: TimeSyncConfig", text, re.MULTILINE):
            path.write_text(text.rstrip("\n") + "\n" + TIME_DOCUMENT)


def power_on(cluster: Cluster) -> None:
    """Start the node."""
    if cluster.provisioner == "namespaces":
        namespaces.start(make_node(cluster))
        return
    accelerator = qemu.start(make_machine(cluster))
    slow = ", emulated: expect minutes" if accelerator.name == "tcg" else ""
    say(f"  {cluster.name}: {accelerator.name}{slow}; console: {cluster.node_directory / 'console.log'}")


def power_off(cluster: Cluster) -> None:
    """Pull the plug."""
    if cluster.provisioner == "namespaces":
        namespaces.stop(make_node(cluster))
    else:
        qemu.stop(make_machine(cluster))


def bring_up(cluster: Cluster) -> None:
    """Apply the configuration, bootstrap, wait until healthy, fetch the kubeconfig."""
    seconds = UP_SECONDS[cluster.provisioner]
    run_ophite(
        *("--ophiteconfig", cluster.ophiteconfig, "up", cluster.api, "--config", cluster.directory / "controlplane.yaml"),
        *("--kubeconfig", cluster.kubeconfig, "--timeout", str(seconds)),
        timeout=seconds + 60,
        show=False,  # what comes next is said below, for this host
    )
    cluster.kubeconfig.write_text(render_kubeconfig(cluster.kubeconfig.read_text(), cluster.kubernetes))


def render_kubeconfig(text: str, address: str) -> str:
    """The kubeconfig with the server as this host reaches it."""
    return re.sub(r"^(\s*server:\s*).*$", rf"\g<1>https://{address}", text, flags=re.MULTILINE)


def describe(cluster: Cluster, kubectl: str) -> str:
    """What a user can do next."""
    own = Path(sys.executable).with_name("ophite")
    ophite = own if own.exists() else "ophite"
    return (
        f"\nThe cluster {cluster.name} is up. Next:\n"
        f"  export KUBECONFIG={cluster.kubeconfig}\n"
        f"  export OPHITECONFIG={cluster.ophiteconfig}\n"
        f"  {kubectl} get nodes\n"
        f"  {ophite} services\n"
        f"  {ophite} get machinestatus\n"
        f"  {ophite} cluster destroy --name {cluster.name}"
    )


def show_nodes(cluster: Cluster, kubectl: Path) -> None:
    """What kubectl says about the nodes; raises `ImageError` when it cannot be run or fails."""
    say(run([kubectl, "--kubeconfig", cluster.kubeconfig, "get", "nodes", "-o", "wide"], timeout=CLI_SECONDS).decode().rstrip())


CREATE_STEPS: tuple[tuple[str, Callable[[Cluster], None]], ...] = (
    ("write down the cluster", Cluster.save),
    ("generate the configuration", write_configuration),
    ("power on", power_on),
    ("bring it up", bring_up),
)


def create(options: argparse.Namespace) -> None:
    """Make a cluster from nothing; with `--no-up` only as far as a node in maintenance mode."""
    if find_cluster(options.name) is not None:
        raise ImageError(f"there is a cluster {options.name!r} already", f"ophite cluster destroy --name {options.name}")
    cluster = plan_cluster(options)
    if cluster.provisioner == "qemu":
        qemu.check_image(make_machine(cluster))
    steps = CREATE_STEPS[:-1] if options.no_up else CREATE_STEPS
    began = time.monotonic()
    for number, (title, step) in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] {title} ({time.monotonic() - began:.0f} s)")
        step(cluster)
    if options.no_up:
        say(f"The node waits for its configuration at {cluster.api}.")
        return
    if options.kubectl:
        show_nodes(cluster, Path(options.kubectl).resolve())
    say(describe(cluster, options.kubectl or "kubectl"))


def destroy(options: argparse.Namespace) -> None:
    """End the cluster's processes and remove everything of it; one that is not there is no error."""
    cluster = find_cluster(options.name)
    if cluster is None:
        say(f"There is no cluster {options.name}.")
        return
    power_off(cluster)
    cluster.remove()
    say(f"The cluster {options.name} is gone.")


def show(options: argparse.Namespace) -> None:
    """Print one cluster, or all."""
    names = [options.name] if options.name else find_clusters()
    for name in names:
        cluster = get_cluster(name)
        running = "running" if is_running(cluster) else "stopped"
        say(f"{cluster.name}\t{cluster.provisioner}\t{running}\tapi {cluster.api}\tkubernetes {cluster.kubernetes}")
        say(f"\t{cluster.directory}")
    if not names:
        say("There are no clusters. Make one: ophite cluster create")


def is_running(cluster: Cluster) -> bool:
    """Does the node's process run?"""
    if cluster.provisioner == "namespaces":
        return make_node(cluster).find_keeper() is not None
    return make_machine(cluster).find_process() is not None


def parse_options(words: Sequence[str]) -> argparse.Namespace:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="ophite cluster", description="Local clusters for trying out and for tests.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    make = verbs.add_parser("create", help="make a cluster of one node")
    make.add_argument("--name", default=DEFAULT_NAME)
    make.add_argument("--provisioner", choices=("qemu", "namespaces"), default="qemu", help="namespaces: seconds, needs root")
    make.add_argument("--boot", choices=qemu.BOOTS, default="", help="direct: QEMU loads the kernel, no firmware")
    make.add_argument("--arch", choices=sorted(ARCHES), default="", help="default: the image's")
    make.add_argument("--hardware", choices=sorted(HARDWARE), default="", help="QEMU's machine (default: q35 or virt)")
    make.add_argument("--image-dir", default=DEFAULT_IMAGE, help="a built image (default: %(default)s)")
    make.add_argument("--memory", type=int, default=4096, help="MiB (default: %(default)s)")
    make.add_argument("--cpus", type=int, default=2)
    make.add_argument("--disk", type=int, default=10240, help="MiB (default: %(default)s)")
    make.add_argument("--iso", default="", metavar="FILE", help="boot this ISO image; the disk begins empty")
    make.add_argument("--iso-bus", choices=sorted(qemu.MEDIUM_BUSES), default="cdrom")
    make.add_argument(
        "--extra-disk",
        action="append",
        default=[],
        metavar="MIB[,bus=virtio|nvme|scsi|ahci|usb][,sector=4096][,serial=S][,wwn=0xN][,ro]",
        help="one more disk; may be repeated",
    )
    make.add_argument("--watchdog", action="store_true", help="a watchdog that resets a node that hangs")
    make.add_argument("--command-line", default="", help="added to the kernel command line")
    make.add_argument("--no-up", action="store_true", help="stop at a node that waits for its configuration")
    make.add_argument("--kubectl", default="", help="a kubectl that shows the nodes at the end")
    make.set_defaults(run=create)
    verb = verbs.add_parser("destroy", help="end a cluster and remove all of it")
    verb.add_argument("--name", default=DEFAULT_NAME)
    verb.set_defaults(run=destroy)
    verb = verbs.add_parser("show", help="the clusters of this host")
    verb.add_argument("--name")
    verb.set_defaults(run=show)
    for name, action, text in (
        ("start", power_on, "power a stopped node on"),
        ("stop", power_off, "pull the plug, keep the files"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--name", default=DEFAULT_NAME)
        verb.set_defaults(run=lambda options, act=action: act(get_cluster(options.name)))
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status."""
    options = parse_options(sys.argv[1:] if words is None else words)
    try:
        options.run(options)
    except ImageError as error:
        sys.stderr.write(f"ophite cluster: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nophite cluster: interrupted; what was made is there: ophite cluster show\n")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
