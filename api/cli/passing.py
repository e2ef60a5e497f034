"""Commands that another program of the project carries out, run as a process with the same arguments.

The image builder and the local clusters belong to a build host; a laptop may have only this program.
"""

import importlib.util
import subprocess
import sys

import click

from api.cli.lazy import Failure

RAW = {"ignore_unknown_options": True, "help_option_names": []}


def run_module(module: str, words: tuple[str, ...]) -> None:
    """Run `python -m MODULE WORDS` and end with its exit status. Raises `Failure` when the module is not installed."""
    package = module.partition(".")[0]
    if importlib.util.find_spec(package) is None or importlib.util.find_spec(module) is None:
        raise Failure(f"{module} is not installed here", "run it in a checkout of the project, or install ophite[image]")
    status = subprocess.run([sys.executable, "-m", module, *words], check=False).returncode
    click.get_current_context().exit(status if status >= 0 else 128 - status)
