from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.lifecycle import grubenv
from controllers.lifecycle.entries import (
    BootState,
    Entry,
    parse_entry,
    parse_name,
    plan_arm,
    plan_commit,
    plan_disarm,
    plan_first,
)
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.layout import ENTRIES, GRUBENV, NEW, Slot
from controllers.lifecycle.slot_writer import FileStep, OverwriteFile, RemoveFile, WriteFile
from image import esp as image_esp
from tests.unit.lifecycle.boot_model import Esp, boot_bios, boot_uefi, environment

GOLDEN = Path(__file__).parents[2] / "data/lifecycle/esp/loader/entries/ophite-a.conf"
A, B = Slot.A, Slot.B
OLD, NEXT = Entry(A, 0, "1.0"), Entry(B, 0, "2.0")
Boot = Callable[[Esp, Callable[[str], bool]], str | None]
BOOTS: dict[str, Boot] = {"uefi": boot_uefi, "bios": boot_bios}


def slot_of(loader: str | None) -> Slot | None:
    return None if loader is None else Slot(loader.removeprefix("EFI/").removeprefix("ophite/")[0])


def read_state(esp: Esp) -> BootState:
    files = {path.rpartition("/")[2]: data.decode() for path, data in esp.items() if path.startswith(ENTRIES)}
    block = esp.get(GRUBENV)
    return BootState(files, None if block is None else grubenv.parse(block) or {})


def crash_points(esp: Esp, steps: tuple[FileStep, ...]) -> Iterator[Esp]:
    """Yield what the ESP holds when the power goes before, between and inside of the steps, and after all of them."""
    esp = dict(esp)
    yield dict(esp)
    for step in steps:
        match step:
            case WriteFile(path, data):
                for size in (0, 1, len(data) - 1, len(data)):
                    yield esp | {path + NEW: data[:size]}
                esp[path] = data
            case OverwriteFile(path, data):
                esp[path] = data
            case RemoveFile(path):
                esp.pop(path, None)
        yield dict(esp)


def run(esp: Esp, steps: tuple[FileStep, ...]) -> Esp:
    return list(crash_points(esp, steps))[-1]


def new_disk(slot: Slot = A, *, with_other: bool = True) -> Esp:
    """Both slots written; one of them boots."""
    esp: Esp = {path: b"x" for one in Slot for path in one.boot_files if one is slot or with_other}
    return run(esp, plan_first(Entry(slot, 0, "1.0"), bios=True))


def works(slots: set[Slot]) -> Callable[[str], bool]:
    return lambda loader: slot_of(loader) in slots


def test_the_node_and_the_build_write_the_same_entry() -> None:
    [block, written] = plan_first(Entry(A, 0, "1.2.3"), bios=True)
    assert isinstance(written, WriteFile)
    assert isinstance(block, WriteFile)
    assert written.path == "loader/entries/ophite-a.conf"
    assert written.data == GOLDEN.read_bytes() == image_esp.render_entry("a", "1.2.3", 1).encode()
    assert block.data == (GOLDEN.parents[2] / "grub/grubenv").read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ophite-a.conf", (A, None, 0)),
        ("ophite-b+1.conf", (B, 1, 0)),
        ("ophite-b+0-1.conf", (B, 0, 1)),
        ("OPHITE-B+0-1.CONF", (B, 0, 1)),
        ("ophite-c.conf", None),
        ("ophite-a.conf.new", None),
        ("ophite-a+.conf", None),
        ("ophite-a+1-2-3.conf", None),
        ("ophite-a+99999999999.conf", None),
        ("../ophite-a.conf", None),
    ],
)
def test_names_carry_slot_and_counters(name: str, expected: tuple[Slot, int | None, int] | None) -> None:
    assert parse_name(name) == expected


@settings(deadline=None)
@given(
    st.sampled_from(Slot),
    st.integers(0, 10**12 - 1),
    st.from_regex(r"[0-9a-z.~+-]{1,20}", fullmatch=True),
    st.none() | st.integers(0, 9999),
    st.integers(0, 9999),
    st.sampled_from(["", "ophite.root=verity quiet"]),
)
def test_what_is_rendered_is_read_back(
    slot: Slot, generation: int, version: str, tries: int | None, failed: int, options: str
) -> None:
    entry = Entry(slot, generation, version, tries, 0 if tries is None else failed, options)
    assert parse_entry(entry.file_name, entry.render()) == entry


def test_an_entry_that_was_cut_off_is_none() -> None:
    text = Entry(A, 7, "1.0", options="quiet").render()
    for size in range(len(text)):
        assert parse_entry("ophite-a.conf", text[:size]) is None


@pytest.mark.parametrize("entry", [Entry(A, 1, "1\nefi /x.efi"), Entry(A, 1, "1", options="quiet\nefi /x.efi")])
def test_a_value_cannot_add_a_line(entry: Entry) -> None:
    with pytest.raises(SlotError, match="cannot hold"):
        entry.render()


def test_entries_of_others_and_broken_ones_do_not_count() -> None:
    files = {
        "ophite-a.conf": Entry(A, 3, "1").render(),
        "ophite-b.conf": "title Ophite 9\nsort-key ophite\nversion 99999999999999\nuki /EFI/ophite/b.efi\n",
        "ophite-b+1.conf": "uki /EFI/ophite/a.efi\nversion 4\n",
        "other.conf": Entry(A, 8, "1").render(),
    }
    state = BootState(files)
    assert [one.file_name for one in state.entries] == ["ophite-a.conf"]
    assert state.next_generation == 4
    assert state.next_uefi is A
    assert state.names(B) == ("ophite-b+1.conf", "ophite-b.conf")


@pytest.mark.parametrize("firmware", BOOTS)
def test_a_good_version_is_tried_once_and_stays(firmware: str) -> None:
    boot, esp = BOOTS[firmware], new_disk()
    assert slot_of(boot(esp, works({A, B}))) is A
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    assert slot_of(boot(esp, works({A, B}))) is B, "armed: the new slot is next"
    esp = run(esp, plan_commit(read_state(esp), NEXT))
    for _ in range(3):
        assert slot_of(boot(esp, works({A, B}))) is B
    assert plan_commit(read_state(esp), NEXT) == (), "once is enough"
    assert sorted(read_state(esp).files) == ["ophite-a.conf", "ophite-b.conf"]


@pytest.mark.parametrize("firmware", BOOTS)
def test_a_version_that_never_commits_is_tried_once(firmware: str) -> None:
    boot, esp = BOOTS[firmware], new_disk()
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    assert slot_of(boot(esp, works({A, B}))) is B
    for _ in range(3):
        assert slot_of(boot(esp, works({A, B}))) is A, "the try is used up"


@pytest.mark.parametrize("firmware", BOOTS)
def test_a_version_that_the_loader_cannot_start_is_skipped(firmware: str) -> None:
    boot, esp = BOOTS[firmware], new_disk()
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    for _ in range(3):
        assert slot_of(boot(esp, works({A}))) is A


@pytest.mark.parametrize("firmware", BOOTS)
def test_a_power_cut_anywhere_on_the_way_leaves_a_slot_that_boots(firmware: str) -> None:
    """Arm, boot, commit: cut at each point, boot three times without committing, and a version that works must run."""
    boot, start = BOOTS[firmware], new_disk()
    for esp in crash_points(start, plan_arm(read_state(start), NEXT)):
        slots = [slot_of(boot(esp, works({A}))) for _ in range(3)]
        assert slots == [A, A, A], "the new one is broken: the old one runs"
    for esp in crash_points(start, plan_arm(read_state(start), NEXT)):
        slots = [slot_of(boot(esp, works({A, B}))) for _ in range(3)]
        assert slots in ([A, A, A], [B, A, A]), "the new one is tried once at most"
    armed = run(start, plan_arm(read_state(start), NEXT))
    boot(armed, works({A, B}))
    for esp in crash_points(armed, plan_commit(read_state(armed), NEXT)):
        slots = [slot_of(boot(esp, works({A, B}))) for _ in range(3)]
        assert slots in ([A, A, A], [B, B, B]), "a commit is whole or has not happened"


@pytest.mark.parametrize(("first", "second"), list(product(BOOTS, BOOTS)))
def test_one_disk_boots_both_ways_at_every_point(first: str, second: str) -> None:
    start = new_disk()
    armed = run(start, plan_arm(read_state(start), NEXT))
    BOOTS[first](armed, works({A, B}))
    for esp in crash_points(armed, plan_commit(read_state(armed), NEXT)):
        assert slot_of(BOOTS[second](esp, works({A, B}))) is not None


@pytest.mark.parametrize("firmware", BOOTS)
def test_a_commit_that_was_cut_off_is_finished_by_the_next(firmware: str) -> None:
    boot, start = BOOTS[firmware], new_disk()
    armed = run(start, plan_arm(read_state(start), NEXT))
    boot(armed, works({A, B}))
    for cut in crash_points(armed, plan_commit(read_state(armed), NEXT)):
        esp = run(cut, plan_commit(read_state(cut), NEXT))
        assert slot_of(boot(esp, works({A, B}))) is B
        assert set(read_state(esp).names(B)) == {"ophite-b.conf"}


@pytest.mark.parametrize("firmware", BOOTS)
def test_rollback_tries_the_former_version_with_a_new_generation(firmware: str) -> None:
    boot, esp = BOOTS[firmware], new_disk()
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    boot(esp, works({A, B}))
    esp = run(esp, plan_commit(read_state(esp), NEXT))
    state = read_state(esp)
    steps = plan_arm(state, OLD)
    for cut in crash_points(esp, steps):
        assert slot_of(boot(dict(cut), works({B}))) is B, "the former version is broken: the present one comes back"
    esp = run(esp, steps)
    assert slot_of(boot(esp, works({A, B}))) is A
    esp = run(esp, plan_commit(read_state(esp), OLD))
    assert [slot_of(boot(esp, works({A, B}))) for _ in range(2)] == [A, A]
    assert max(one.generation for one in read_state(esp).entries) == state.next_generation


@pytest.mark.parametrize(("before", "after"), list(product([(A, None), (A, B), (B, None)], repeat=2)))
def test_a_block_that_is_torn_anywhere_still_boots_something(
    before: tuple[Slot, Slot | None], after: tuple[Slot, Slot | None]
) -> None:
    """GRUB's variables fit the first sector, which a disk writes or does not; one that does worse must not cost the node."""
    old, new = (
        grubenv.render({"default": default.value, "try": tried.value if tried else ""}) for default, tried in (before, after)
    )
    for at in range(64):
        assert boot_bios(new_disk() | {GRUBENV: new[:at] + old[at:]}, works({A, B})) is not None


def test_disarming_leaves_nothing_of_the_failed_slot() -> None:
    esp = new_disk()
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    esp = run(esp, plan_disarm(read_state(esp), B))
    assert sorted(read_state(esp).files) == ["ophite-a.conf"]
    assert environment(esp) == {"default": "a", "try": ""}
    assert plan_disarm(read_state(esp), B) == ()


@pytest.mark.parametrize("firmware", BOOTS)
def test_disarming_can_be_cut_anywhere(firmware: str) -> None:
    boot, start = BOOTS[firmware], new_disk()
    armed = run(start, plan_arm(read_state(start), NEXT))
    committed = run(armed, plan_commit(read_state(armed), NEXT))
    for state in (armed, committed):
        for esp in crash_points(state, plan_disarm(read_state(state), B)):
            assert slot_of(boot(dict(esp), works({A}))) is A or (
                firmware == "uefi" and slot_of(boot(dict(esp), works({B}))) is B
            )


def test_the_only_slot_that_boots_is_never_disarmed() -> None:
    esp = new_disk()
    with pytest.raises(SlotError, match="only one that can boot"):
        plan_disarm(read_state(esp), A)
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    boot_uefi(esp, works({A, B}))
    with pytest.raises(SlotError, match="only one that can boot"):
        plan_disarm(read_state(esp), A)


def test_nothing_is_armed_that_nobody_would_come_back_from() -> None:
    esp = new_disk()
    esp = run(esp, plan_arm(read_state(esp), NEXT))
    with pytest.raises(SlotError, match="would come back"):
        plan_arm(read_state(esp), OLD)


def test_a_disk_without_grub_gets_no_environment() -> None:
    esp = run({A.uki: b"x", B.uki: b"x"}, plan_first(OLD, bios=False))
    for step in (*plan_arm(read_state(esp), NEXT), *plan_commit(read_state(esp), NEXT)):
        assert not isinstance(step, OverwriteFile)
    assert read_state(esp).next_bios is None


def test_a_damaged_environment_is_written_anew() -> None:
    esp = new_disk()
    esp[GRUBENV] = b"garbage"
    assert slot_of(boot_bios(dict(esp), works({A, B}))) is A
    esp = run(esp, plan_commit(read_state(esp), OLD))
    assert environment(esp) == {"default": "a", "try": ""}


@pytest.mark.parametrize("firmware", BOOTS)
def test_what_is_said_to_boot_next_is_what_the_loader_starts(firmware: str) -> None:
    start = new_disk()
    armed = run(start, plan_arm(read_state(start), NEXT))
    for esp in [
        *crash_points(start, plan_arm(read_state(start), NEXT)),
        *crash_points(armed, plan_commit(read_state(armed), NEXT)),
    ]:
        state = read_state(esp)
        said = state.next_uefi if firmware == "uefi" else state.next_bios
        assert said is slot_of(BOOTS[firmware](dict(esp), works({A, B})))


FILES = st.dictionaries(
    st.builds(
        lambda slot, counter: f"ophite-{slot}{counter}.conf", st.sampled_from("ab"), st.sampled_from(["", "+1", "+0-1", "+3-2"])
    ),
    st.integers(1, 4),
    max_size=8,
)


@settings(deadline=None)
@given(FILES)
def test_whatever_is_there_the_loaders_order_is_ours(generations: dict[str, int]) -> None:
    esp: Esp = {one.uki: b"x" for one in Slot}
    for name, generation in generations.items():
        parsed = parse_name(name)
        assert parsed is not None
        esp[f"{ENTRIES}/{name}"] = Entry(parsed[0], generation, "1").render().encode()
    assert read_state(esp).next_uefi is slot_of(boot_uefi(dict(esp), works({A, B})))


@settings(deadline=None)
@given(st.sampled_from(["ophite-a.conf", "ophite-b+1.conf"]), st.text(max_size=300))
def test_whatever_a_file_holds_reading_it_never_raises(name: str, text: str) -> None:
    parse_entry(name, text)
    parse_entry(name, Entry(A, 1, "1").render() + text)


def test_every_step_says_what_it_does() -> None:
    esp = new_disk()
    steps = (*plan_arm(read_state(esp), NEXT), RemoveFile("x", "why"))
    assert [step.describe() for step in steps] == [
        "write loader/entries/ophite-b+1.conf: one try",
        "write grub/grubenv: default a, try b",
        "remove x: why",
    ]
