"""The spill keeps lines in order, survives a cut at any byte, and belongs to one process."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.store.errors import SpillFailed, SpillInUse
from callcenter.store.spill import Spill

PAYLOADS = st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")), max_size=6)


def opened(path: Path) -> Spill:
    spill = Spill(path)
    spill.open()
    return spill


def drained(spill: Spill) -> list[bytes]:
    found = []
    while not spill.is_empty:
        found.append(spill.first())
        spill.remove_first()
    return found


@given(first=PAYLOADS, second=PAYLOADS, taken=st.integers(0, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_lines_come_out_in_the_order_they_went_in(
    tmp_path: Path, first: list[bytes], second: list[bytes], taken: int
) -> None:
    spill = opened(tmp_path / "journal.spill")
    found = []
    for payload in first:
        spill.append(payload)
    for _ in range(min(taken, len(first))):
        found.append(spill.first())
        spill.remove_first()
    for payload in second:
        spill.append(payload)
    assert spill.lines == len(first) + len(second) - len(found)
    found += drained(spill)
    spill.close()
    assert found == first + second
    assert spill.path.stat().st_size == 0


def test_a_cut_at_any_byte_loses_no_whole_line_and_invents_none(tmp_path: Path) -> None:
    lines = [b"alpha", b"", b"\xe4\xb8\xad\xe6\x96\x87", b"omega"]
    spill = opened(tmp_path / "journal.spill")
    ends = []
    for line in lines:
        spill.append(line)
        ends.append(spill.path.stat().st_size)
    spill.close()
    content = spill.path.read_bytes()
    for cut in range(len(content) + 1):
        spill.path.write_bytes(content[:cut])
        again = opened(spill.path)
        whole = sum(end <= cut for end in ends)
        again.append(b"after")
        assert drained(again) == [*lines[:whole], b"after"]
        again.close()
    assert not spill.damaged_path.exists()


def test_a_damaged_line_is_put_aside_and_the_others_are_kept(tmp_path: Path) -> None:
    spill = opened(tmp_path / "journal.spill")
    for line in (b"one", b"two", b"three"):
        spill.append(line)
    spill.close()
    spill.path.write_bytes(spill.path.read_bytes().replace(b"two", b"tw0"))
    again = Spill(spill.path)
    assert again.open() == 1
    assert drained(again) == [b"one", b"three"]
    again.close()
    assert b"tw0" in again.damaged_path.read_bytes()


def test_long_lines_are_read_whole(tmp_path: Path) -> None:
    spill = opened(tmp_path / "journal.spill")
    long = os.urandom(300_000).replace(b"\n", b"")
    spill.append(long)
    spill.append(b"short")
    assert drained(spill) == [long, b"short"]
    spill.close()


def test_a_second_process_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    spill = opened(tmp_path / "journal.spill")
    with pytest.raises(SpillInUse, match="used by another process"):
        Spill(spill.path).open()
    spill.close()
    opened(spill.path).close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpillFailed, match="No such file or directory; name a directory"):
        Spill(tmp_path / "away" / "journal.spill").open()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = opened(tmp_path / "journal.spill")
    spill.append(b"before")

    def half_then_full(file: int, data: memoryview, offset: int) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:5], offset)

    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", half_then_full)
    with pytest.raises(OSError, match="No space left"):
        spill.append(b"does not fit")
    monkeypatch.undo()
    spill.append(b"after")
    assert drained(spill) == [b"before", b"after"]
    spill.close()
