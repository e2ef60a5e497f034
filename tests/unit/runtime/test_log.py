"""Log lines: one each, whatever is in them."""

import logging

import pytest

from controllers.runtime.log import FieldFormatter
from controllers.runtime.resource import Part, Secret


class Login(Part, frozen=True, kw_only=True):
    """Something to be logged by mistake."""

    user: str
    password: Secret


def render(message: str, error: BaseException | None = None, **fields: object) -> str:
    record = logging.makeLogRecord({"name": "brain", "levelno": logging.INFO, "levelname": "INFO", "msg": message, **fields})
    record.exc_info = (type(error), error, error.__traceback__) if error else None
    return FieldFormatter().format(record)


def test_a_line_has_time_level_name_message_and_fields() -> None:
    line = render("brain is up", controllers=5, path="/run/x", note="two words", empty="")
    when, rest = line.split("] ", 1)
    assert float(when.removeprefix("[")) > 0
    assert rest == 'info brain: brain is up controllers=5 path=/run/x note="two words" empty=""'


@pytest.mark.parametrize("evil", ["a\nfake line", "a\x1b[31mred", "a\rb", "a\u2028b", "a\x00b"])
def test_no_value_can_forge_a_line_or_colour_a_terminal(evil: str) -> None:
    line = render(evil, field=evil)
    assert line.isprintable()


def test_secrets_are_not_logged() -> None:
    line = render("login", login=Login(user="me", password="hunter2"))
    assert "hunter2" not in line
    assert "user='me'" in line


def test_fields_are_bounded() -> None:
    assert len(render("x", field="y" * 100_000)) < 3000


def test_a_traceback_follows() -> None:
    lines = render("failed", ValueError("x")).splitlines()
    assert lines[0].endswith("info brain: failed")
    assert lines[-1] == "ValueError: x"
