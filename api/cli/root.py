"""The root of all commands: the table of verbs, and the options that every verb about a node takes as well."""

import click

from api.cli.lazy import LazyGroup
from api.cli.settings import Settings, node_options

_VERBS = "api.cli.verbs."


class Root(LazyGroup):
    """`ophite`."""

    verbs = {
        "up": (f"{_VERBS}up", "Configure, bootstrap and wait for a node: the three commands in one."),
        "gen": (f"{_VERBS}gen", "Make configurations and secrets of a new cluster."),
        "validate": (f"{_VERBS}validate", "Check configuration files."),
        "apply-config": (f"{_VERBS}apply_config", "Give a node its configuration."),
        "bootstrap": (f"{_VERBS}bootstrap", "Create the cluster on its first control-plane node."),
        "kubeconfig": (f"{_VERBS}kubeconfig", "Fetch the cluster administrator's kubeconfig."),
        "health": (f"{_VERBS}health", "Wait until a node is ready, and say what is missing."),
        "version": (f"{_VERBS}version", "Show the versions of this program and of a node."),
        "get": (f"{_VERBS}get", "Show resources of a node."),
        "explain": (f"{_VERBS}explain", "Describe a configuration document or a resource type."),
        "services": (f"{_VERBS}services", "List the services of a node, or restart one."),
        "logs": (f"{_VERBS}logs", "Show what a service wrote."),
        "dmesg": (f"{_VERBS}dmesg", "Show the kernel's messages."),
        "events": (f"{_VERBS}events", "Show what happens on a node, as it happens."),
        "install": (f"{_VERBS}install", "Install a node that runs from a medium on its disk, or try again."),
        "identify": (f"{_VERBS}identify", "Have the LEDs of a node blink, so that you find it."),
        "reboot": (f"{_VERBS}reboot", "Restart a node."),
        "upgrade": (f"{_VERBS}upgrade", "Upgrade a node to another version."),
        "rollback": (f"{_VERBS}rollback", "Take a node back to the version before."),
        "shutdown": (f"{_VERBS}shutdown", "Power a node off."),
        "reset": (f"{_VERBS}reset", "Destroy the data of a node."),
        "etcd": (f"{_VERBS}etcd", "Look at etcd."),
        "meta": (f"{_VERBS}meta", "Read META, or change your own keys in it (user.*)."),
        "inspect": (f"{_VERBS}inspection", "Look inside a node: controllers, processes, mounts, sockets, memory."),
        "config": (f"{_VERBS}config", "Manage the contexts of your ophiteconfig."),
        "cluster": (f"{_VERBS}cluster", "Create, show and destroy local clusters."),
        "image": (f"{_VERBS}image", "Build images, and write them to disks."),
        "completion": (f"{_VERBS}completion", "Print a completion script for your shell."),
    }


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show the traceback of errors.")
@node_options
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Talk to Ophite nodes.

    Three commands make a cluster: `ophite gen config`, `ophite apply-config --insecure`, `ophite bootstrap`; `ophite up`
    does the last two and waits.
    """
    ctx.ensure_object(Settings)
