"""The root: every verb is there, help is cheap, and errors are a message and a hint."""

import inspect
import subprocess
import sys
from typing import Any

import click
import pytest

from api.cli.root import Root, cli


@pytest.mark.parametrize("name", list(Root.verbs))
def test_verb_loads_and_says_what_the_table_says(name: str) -> None:
    command = Root(name="x").get_command(click.Context(cli), name)
    assert command is not None
    first = inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")
    assert first == Root.verbs[name][1]


@pytest.mark.parametrize("name", [name for name in Root.verbs if name != "cluster"])  # whose help is another program's
def test_verb_has_help(name: str, invoke: Any) -> None:
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom api.cli.root import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'grpc', 'cryptography', 'msgspec', 'rich', 'google.protobuf', 'yaml', 'asyncio', 'controllers'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr.strip() == ""
    assert "apply-config" in done.stdout


def test_unknown_verb_is_a_usage_error(invoke: Any) -> None:
    result = invoke("boostrap")
    assert result.exit_code == 2
    assert "Did you mean 'bootstrap'?" in result.output


def test_wrong_option_is_a_usage_error(invoke: Any) -> None:
    assert invoke("version", "--nonsense").exit_code == 2


def test_expected_errors_are_message_and_hint(invoke: Any) -> None:
    result = invoke("version")
    assert result.exit_code == 1
    assert "error: there is no context in" in result.output
    assert "hint: `ophite gen config` makes one" in result.output
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback(invoke: Any) -> None:
    from api.client.errors import NoContext

    with pytest.raises(NoContext):
        invoke("--debug", "version")


def test_bad_address(invoke: Any) -> None:
    result = invoke("version", "--insecure", "-n", "host:port:x")
    assert result.exit_code == 1


def test_insecure_needs_a_node(invoke: Any) -> None:
    result = invoke("version", "--insecure")
    assert result.exit_code == 1
    assert "-n NODE" in result.output


def test_client_version_needs_no_node(invoke: Any) -> None:
    result = invoke("version", "--client")
    assert result.exit_code == 0
    assert result.output.startswith("client: ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(invoke: Any, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.shell_completion.BashComplete._check_version", staticmethod(lambda: None))
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert "_OPHITE_COMPLETE" in result.output
