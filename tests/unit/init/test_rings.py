"""The last bytes of an output."""

from hypothesis import given
from hypothesis import strategies as st

from init.rings import Ring


def test_it_keeps_the_last_bytes_and_says_what_is_lost() -> None:
    ring = Ring(limit=10)
    ring.write(b"0123456789")
    ring.write(b"abc")
    assert (ring.start, ring.end) == (3, 13)
    assert ring.read(0, 100) == (b"[3 bytes of output were lost here]\n", 3)
    assert ring.read(3, 4) == (b"3456", 7)
    assert ring.read(7, 100) == (b"789abc", 13)
    assert ring.read(13, 100) == (b"", 13)


def test_tail() -> None:
    ring = Ring(limit=10)
    ring.write(b"0123456789abc")
    assert [ring.tail(size) for size in (0, 4, 100)] == [3, 9, 3]


def test_last_line_is_the_last_with_text() -> None:
    ring = Ring()
    assert ring.last_line() == ""
    ring.write(b"one\nError: two \xff\n\n  \n")
    assert ring.last_line() == "Error: two \ufffd"
    ring.write(b"x" * 5000)
    assert len(ring.last_line()) == 200


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40), st.integers(1, 9))
def test_a_reader_that_keeps_up_sees_every_byte(chunks: list[bytes], limit: int, size: int) -> None:
    ring, position, seen = Ring(limit), 0, b""
    for chunk in chunks:
        for start in range(0, len(chunk), limit):
            ring.write(chunk[start : start + limit])
            while position != ring.end:
                data, position = ring.read(position, size)
                seen += data
    assert seen == b"".join(chunks)
    assert ring.end - ring.start <= limit
