"""Bodies that nobody reads, and bodies that come without a length."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import BadRequest, RequestDataTooBig
from pytest_django import Settings

from intake.wsgi.chunked_bodies import unchunked
from intake.wsgi.unread_bodies import read_out

MOST = 1000  # bytes, the most that a body may have


@pytest.fixture(autouse=True)
def short_bodies(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = MOST


class Endless:
    """A stream that gives one byte at each read."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int) -> bytes:
        self.given += 1
        return b"x"


class Broken:
    """A stream that its sender cut off; each server has an error of its own."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int) -> bytes:
        raise self._error

    readline = read


BREAKS = [OSError("reset"), ValueError("no chunk"), EOFError(), RuntimeError("closed")]


def refusing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return [b"refused"]


@pytest.mark.parametrize("read", [0, 10])
def test_what_was_not_read_of_a_body_is_read_before_the_response_is_sent(
    read: int,
) -> None:
    stream = BytesIO(b"x" * MOST)

    def reading_some(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        taken = environ["wsgi.input"].read(read)
        assert len(taken) == read, "the application reads first"
        return [b"refused"]

    assert read_out(reading_some)({"wsgi.input": stream}, None) == [b"refused"]
    assert stream.read() == b""


def test_a_body_without_an_end_is_not_read_for_ever() -> None:
    stream = Endless()
    assert read_out(refusing)({"wsgi.input": stream}, None) == [b"refused"]
    assert stream.given == 2 * MOST


@pytest.mark.parametrize("error", BREAKS)
def test_a_body_that_was_cut_off_does_not_replace_the_response(
    error: Exception,
) -> None:
    environ = {"wsgi.input": Broken(error)}
    assert read_out(refusing)(environ, None) == [b"refused"]


def chunked(stream: Any, **changes: Any) -> dict[str, Any]:
    marks = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return {"wsgi.input": stream, **marks, **changes}


def whole(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """As Django reads a body: until the length that it is told."""
    stream, left, parts = environ["wsgi.input"], int(environ["CONTENT_LENGTH"]), []
    while left > 0 and (part := stream.read(min(left, 64))):
        parts.append(part)
        left -= len(part)
    return [b"".join(parts)]


def by_line(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    stream, parts = environ["wsgi.input"], []
    while part := stream.readline(MOST):
        parts.append(part)
    return [b"".join(parts)]


READERS = [whole, by_line]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [0, 1, MOST - 1, MOST])
def test_a_chunked_body_is_read_to_its_end(
    reader: Callable[..., list[bytes]], size: int
) -> None:
    body = b"abc\n" * (size // 4) + b"d" * (size % 4)
    assert unchunked(reader)(chunked(BytesIO(body)), None) == [body]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [MOST + 1, 10 * MOST])
def test_a_chunked_body_that_is_too_long_is_refused(
    reader: Callable[..., list[bytes]], size: int
) -> None:
    with pytest.raises(RequestDataTooBig):
        unchunked(reader)(chunked(BytesIO(b"x" * size)), None)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("error", BREAKS)
def test_a_chunked_body_that_was_cut_off_is_a_bad_request(
    reader: Callable[..., list[bytes]], error: Exception
) -> None:
    with pytest.raises(BadRequest):
        unchunked(reader)(chunked(Broken(error)), None)


@pytest.mark.parametrize("lacks", ["wsgi.input_terminated", "HTTP_TRANSFER_ENCODING"])
def test_a_body_with_a_length_is_left_as_it_is(lacks: str) -> None:
    stream = BytesIO(b"x")
    environ = chunked(stream, CONTENT_LENGTH="1")
    del environ[lacks]

    def look(found: dict[str, Any], start_response: Any) -> list[bytes]:
        assert found["wsgi.input"] is stream
        assert found["CONTENT_LENGTH"] == "1"
        return []

    assert unchunked(look)(environ, None) == []
