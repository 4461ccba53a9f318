"""How much is read of a body that is larger than allowed, and what of one that ends early."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future

import pytest
from django.core.exceptions import BadRequest, RequestDataTooBig
from pytest_django import Settings

from intake.web import bodies
from intake.web.bodies import Arriving, Room


class Proto:
    """A body in parts of 500 bytes, of which granian gives an empty one at the end."""

    def __init__(self, number: int) -> None:
        self.parts = [b"x" * 500] * number + [b""]
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.taken += 1
            yield part


@pytest.mark.parametrize(("number", "taken"), [(3, 4), (4, 5), (5, 5), (1000, 5)])
def test_a_body_is_read_up_to_twice_of_what_is_allowed(
    settings: Settings, number: int, taken: int
) -> None:
    """Its end, so that the next request of the connection is found."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    proto = Proto(number)
    with Room() as room:
        headers = {"transfer-encoding": "chunked"}
        body = asyncio.run(bodies.read(headers, proto, room))
    with pytest.raises(RequestDataTooBig):
        body.stream.read()
    assert proto.taken == taken


def test_the_largest_allowed_body_is_taken_in_as_many_parts_as_are_allowed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    monkeypatch.setattr(bodies, "MOST_PARTS", 3)  # the last is empty
    headers = {"transfer-encoding": " Chunked"}
    with Room() as room:
        body = asyncio.run(bodies.read(headers, Proto(2), room))
    assert (body.stream.read(), body.length) == (b"x" * 1000, 1000)


@pytest.mark.parametrize(("spare", "waits"), [(0, True), (-1, False)])
def test_a_small_body_is_waited_for_by_no_thread(spare: int, *, waits: bool) -> None:
    headers = {"content-length": str(bodies.SMALL - spare)}
    found = bodies.small(headers, Future)
    assert isinstance(found, Arriving) is waits


def test_large_bodies_fill_their_room_to_the_last_byte() -> None:
    free = bodies.LARGE_AT_ONCE - Room.taken
    with Room() as one, Room() as other:
        one.take(free - 1)
        other.take(1)
        with pytest.raises(bodies.FullError):
            other.take(1)
    assert bodies.LARGE_AT_ONCE - Room.taken == free


class Clock:
    """A moment of sleep takes 5 ms when other threads keep the interpreter busy."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += 0.005


def test_a_busy_interpreter_makes_no_thread_wait_longer_for_a_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "time", clock := Clock())
    assert not Arriving(Future()).is_here()
    assert clock.now < 0.02


class Closed:
    """A body of which the connection is closed."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"ab"
        raise RuntimeError("the connection is closed")


def test_a_body_whose_client_is_gone_is_told_as_cut_off() -> None:
    with Room() as room:
        headers = {"transfer-encoding": "chunked"}
        body = asyncio.run(bodies.read(headers, Closed(), room))
    assert body.length > 0, "or the application would not read it"
    for read in (body.stream.read, body.stream.readline):
        with pytest.raises(BadRequest, match="cut off"):
            read()
