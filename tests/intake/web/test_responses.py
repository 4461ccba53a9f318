"""A long response goes through a named pipe, and a large file by its own path."""

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from intake.web import responses
from intake.web.responses import AT_ONCE, PART, File


class Client:
    """What granian knows of who asked."""

    def __init__(self, *, has_left: bool = False) -> None:
        self.has_left = has_left
        self.was_cut = False

    @contextmanager
    def watched(self) -> Iterator[Callable[[], bool]]:
        yield lambda: self.has_left

    def cut(self) -> None:
        self.was_cut = True


class Reader:
    """Reads the pipe as granian does, *most* bytes of it."""

    def __init__(self, most: int = -1) -> None:
        self.most = most
        self.read = b""
        self.mode = 0
        self.path = Path()

    def begin(self, path: str) -> None:
        self.path = Path(path)
        self.mode = stat.S_IMODE(self.path.stat().st_mode)
        self.thread = Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with suppress(FileNotFoundError), self.path.open("rb", buffering=0) as pipe:
            if self.most < 0:
                self.read = pipe.readall()
            else:
                self.read = pipe.read(self.most) or b""


def send(parts: Any, reader: Reader, client: Client) -> None:
    made: Any = client
    before = len(os.listdir("/dev/fd"))
    try:
        responses.send(parts, reader.begin, made)
    finally:
        reader.thread.join(10)
        assert not reader.path.parent.exists()
        assert len(os.listdir("/dev/fd")) == before


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize(
    "parts",
    [
        [b"x" * 3 * AT_ONCE],
        [b"%06d\n" % number for number in range(50_000)],
        [b"a" * PART, b"b" * (PART + 1), b"c" * (PART - 1), b"d"],
        [b"a" * (PART - 1), b"", b"b"],
    ],
    ids=["one part", "many small ones", "around the limit", "an empty one"],
)
def test_a_response_arrives_whole_through_a_pipe_that_is_nobody_elses(
    parts: list[bytes],
) -> None:
    reader, client = Reader(), Client()
    send(parts, reader, client)
    assert reader.read == b"".join(parts)
    assert reader.mode == 0o600
    assert not client.was_cut


def test_a_response_that_fails_is_cut() -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * PART
        raise ValueError("the rest is not to be had")

    client = Client()
    with pytest.raises(ValueError, match="the rest"):
        send(failing(), Reader(), client)
    assert client.was_cut


def test_a_client_that_leaves_ends_the_response_and_is_not_cut() -> None:
    made = []

    def endless() -> Iterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield b"x" * PART

    client = Client()
    send(endless(), Reader(most=10), client)
    assert len(made) < 100
    assert not client.was_cut


def test_a_client_that_left_before_is_sent_nothing() -> None:
    reader, client = Reader(), Client(has_left=True)
    send(iter([b"x" * PART]), reader, client)
    assert reader.read == b""
    assert not client.was_cut


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (AT_ONCE + 1))
    return path


def test_a_large_file_is_told_by_its_path(large: Path) -> None:
    with large.open("rb") as opened:
        assert File(opened).path() == str(large)


def test_what_is_no_large_file_from_its_beginning_has_no_path(
    large: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"x" * AT_ONCE)
    with small.open("rb") as opened:
        assert File(opened).path() is None
    with large.open("rb") as opened:
        opened.read(1)
        assert File(opened).path() is None
    with large.open("rb") as opened:
        os.replace(small, large)  # another file is there by now
        assert File(opened).path() is None
        large.unlink()
        assert File(opened).path() is None
    assert File(io.BytesIO(b"x" * 2 * AT_ONCE)).path() is None


def test_a_file_is_read_in_parts_and_closed() -> None:
    opened = io.BytesIO(b"abcdefg")
    file = File(opened, 3)
    assert list(file) == [b"abc", b"def", b"g"]
    file.close()
    assert opened.closed
