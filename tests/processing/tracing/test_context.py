"""The trace of a request is read strictly, and carried as it was given."""

import json

import pytest

from processing.tracing.context import LONGEST_STATE, Trace, carried, current, within
from tests.builders import message

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
MEMBERS = ",".join(f"k{number}=1" for number in range(32))


@pytest.mark.parametrize(
    ("given", "carried_on"),
    [
        (PARENT, PARENT),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),
        (f"cc-{TRACE}-{SPAN}-01", PARENT),
        (f"cc-{TRACE}-{SPAN}-01-what.the-future", PARENT),
        (f"cc-{TRACE}-{SPAN}-01-{'x' * 144}", PARENT),
    ],
)
def test_a_valid_traceparent_is_carried(given: str, carried_on: str) -> None:
    found = Trace.read(given)
    assert found is not None
    assert found.traceparent == carried_on
    assert found.sampled is bool(int(given[53:55], 16) & 1)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada@example.com",
        PARENT.upper(),
        f" {PARENT}",
        f"{PARENT}\n",
        f"{PARENT},{PARENT}",
        f"{PARENT}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-01-é",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 145}",
        "-" * 1_000_000,
    ],
    ids=lambda text: repr(text)[:70],
)
def test_a_traceparent_that_is_not_right_counts_as_none(given: str) -> None:
    assert Trace.read(given, "a=1") is None


@pytest.mark.parametrize("odd", [5, True, 1.5, [PARENT], {"a": 1}, None])
def test_a_mark_that_holds_no_texts_holds_no_trace(odd: object) -> None:
    """A producer can write the mark of a redrive as any JSON."""
    assert failed_trace(traceparent=odd, tracestate="a=1") is None
    assert failed_trace(traceparent=PARENT, tracestate=odd) == Trace.read(PARENT)


def failed_trace(**mark: object) -> Trace | None:
    redrive = json.dumps({"redrive_id": "r", **mark})
    return message("{}", attributes={"redrive": redrive}).failed_trace


@pytest.mark.parametrize(
    ("given", "carried_on"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("a=1, b=2 3\t,, 4x@v=x", "a=1,b=2 3,4x@v=x"),
        ("a" * 255 + "=" + "b" * 256, "a" * 255 + "=" + "b" * 256),
        ("", ""),
        ("a=" + "b" * LONGEST_STATE, ""),
        ("a=" + "b" * 257, ""),
        ("a=1,a=2", ""),
        ("a=1,b", ""),
        ("A=1", ""),
        ("a=", ""),
        ("a==", ""),
        ("a=é", ""),
        ("a=1\x00", ""),
        ("a=1\nlevel=ERROR", ""),
        (",".join(f"k{number}=1" for number in range(33)), ""),
        (MEMBERS, MEMBERS),
    ],
    ids=lambda text: repr(text)[:50],
)  # fmt: skip
def test_a_tracestate_that_is_not_right_is_left_out(
    given: str, carried_on: str
) -> None:
    found = Trace.read(PARENT, given)
    assert found is not None
    assert found.state == carried_on
    expected = {"traceparent": PARENT, "tracestate": carried_on}
    assert found.attributes == {name: one for name, one in expected.items() if one}
    assert Trace.beside(found.attributes) == found
    assert Trace.of_text(found.text) == found


XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8"
OF_XRAY = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8"


@pytest.mark.parametrize(
    ("header", "traceparent"),
    [
        (f"{XRAY};Sampled=1", f"{OF_XRAY}-01"),
        (f"{XRAY};Sampled=0", f"{OF_XRAY}-00"),
        (f"{XRAY};Sampled=?", f"{OF_XRAY}-00"),
        (f"Sampled=1; {XRAY};Lineage=a:0|b:1", f"{OF_XRAY}-01"),
        (XRAY, f"{OF_XRAY}-00"),
    ],
)
def test_the_trace_of_x_ray_is_translated(header: str, traceparent: str) -> None:
    found = Trace.of_xray(header)
    assert found is not None
    assert found.traceparent == traceparent


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Root",
        "Root=1-5759e988-bd862e3fe1be46a994272793",
        XRAY.replace("1-", "2-", 1),
        XRAY.upper(),
        XRAY.replace("53995c3f42cd8ad8", "0" * 16),
        f"Root=1-{'0' * 8}-{'0' * 24};Parent=53995c3f42cd8ad8",
        f"Self={'x' * 600};{XRAY}",
    ],
)
def test_a_header_of_x_ray_that_is_not_right_counts_as_none(header: str) -> None:
    assert Trace.of_xray(header) is None


def test_another_trace_is_sampled_as_the_first_one_is() -> None:
    first = Trace(TRACE, SPAN, 1, "a=1")
    found = first.another()
    assert Trace.read(found.traceparent) == found
    assert found.trace_id not in (TRACE, first.another().trace_id)
    assert found.sampled
    assert not first.sampled_if(False).another().sampled


def test_a_trace_is_the_current_one_of_a_step() -> None:
    outer, inner = Trace(TRACE, SPAN), Trace(TRACE, SPAN[::-1])
    assert current() is None
    assert carried() == {}
    with within(outer):
        with pytest.raises(ZeroDivisionError), within(inner):
            assert current() == inner
            raise ZeroDivisionError
        assert current() == outer
        assert carried() == outer.attributes
        with within(None):
            assert carried() == {}
    assert current() is None
