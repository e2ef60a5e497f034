"""Progress has an amount, a rate and the time that is left, on a terminal and off it."""

import io

from rich.console import Console

from image.flash_progress import Meter, render_state

MIB = 1 << 20


def run(total: int | None, steps: int, *, terminal: bool = False, quiet: bool = False) -> list[str]:
    """Show steps of 10 MiB, each of which takes a second."""
    out, now = io.StringIO(), [0.0]
    console = Console(file=out, force_terminal=terminal, quiet=quiet, width=120, highlight=False, color_system=None)
    meter = Meter(quiet=quiet, console=console, now=lambda: now[0])
    with meter.step("writing", total) as advance:
        for _ in range(steps):
            now[0] += 1
            advance(10 * MIB)
    return out.getvalue().splitlines()


def test_a_line_for_every_tenth() -> None:
    lines = run(200 * MIB, 20)
    assert lines[0] == "writing     10 %, 20.0 MiB of 200 MiB, 10.5 MB/s, 18 s left"
    assert lines[-1] == "writing    200 MiB in 20 s, 10.5 MB/s"
    assert len(lines) == 10


def test_a_line_now_and_then_where_the_end_is_not_known() -> None:
    assert run(None, 60) == [
        "writing    260 MiB, 10.5 MB/s",
        "writing    520 MiB, 10.5 MB/s",
        "writing    600 MiB in 60 s, 10.5 MB/s",
    ]


def test_quiet_is_quiet() -> None:
    assert run(200 * MIB, 20, quiet=True) == []


def test_a_bar_on_a_terminal() -> None:
    text = "\n".join(run(200 * MIB, 20, terminal=True))
    assert "/200.0 MiB" in text
    assert "writing    200 MiB in 20 s, 10.5 MB/s" in text


def test_names_of_disks_are_no_markup() -> None:
    out = io.StringIO()
    Meter(console=Console(file=out, width=120)).say("disk [bold]x[/bold]")
    assert out.getvalue() == "disk [bold]x[/bold]\n"


def test_a_step_without_anything() -> None:
    assert run(0, 0) == ["writing    0 bytes in 0 s, 0.0 MB/s"]
    assert render_state(0, 10, 0.0) == "  0 %, 0 bytes of 10 bytes, 0.0 MB/s, 0 s left"
