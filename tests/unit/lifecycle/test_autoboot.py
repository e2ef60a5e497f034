"""autoboot.txt: what is written is read back, and what the firmware would read otherwise is not believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.lifecycle.autoboot import PARTITIONS, SIZE, parse, render
from controllers.lifecycle.layout import Slot
from tests.harness.pi_firmware import read_autoboot


@pytest.mark.parametrize("slot", list(Slot))
def test_the_firmware_reads_what_was_meant(slot: Slot) -> None:
    data = render(slot)
    assert (len(data), parse(data)) == (SIZE, slot)
    for tried, expected in ((False, slot), (True, slot.other)):
        values = read_autoboot(data, sections=True, tried=tried)
        assert values == {"tryboot_a_b": "1", "boot_partition": str(PARTITIONS[expected])}


@pytest.mark.parametrize("slot", list(Slot))
def test_a_bootloader_without_sections_stays_on_the_slot_that_has_proved_itself(slot: Slot) -> None:
    assert read_autoboot(render(slot), sections=False, tried=False)["boot_partition"] == str(PARTITIONS[slot])


def test_the_two_files_differ_in_their_numbers_alone() -> None:
    differing = [at for at, (one, other) in enumerate(zip(render(Slot.A), render(Slot.B), strict=True)) if one != other]
    assert len(differing) == 3
    assert {render(Slot.A)[at] for at in differing} == {ord("2"), ord("3")}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "boot_partition=2\n",
        "[all]\nboot_partition=1\n[tryboot]\nboot_partition=3\n",
        "[all]\nboot_partition=2\n[tryboot]\nboot_partition=2\n",
        "[tryboot]\nboot_partition=3\n",
        "[all]\nboot_partition=\u0663\n",
    ],
)
def test_a_file_that_does_not_try_the_other_slot_is_none_of_ours(text: str) -> None:
    assert parse(text.encode()) is None


def test_a_file_of_another_version_is_understood() -> None:
    assert parse(b"[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n") is Slot.B


@given(st.binary(max_size=600))
def test_whatever_is_there_reading_it_never_raises(data: bytes) -> None:
    parse(data)
    read_autoboot(data, sections=True, tried=True)
