"""The trace that a request belongs to, as W3C Trace Context writes it, level 2.

It is carried from the HTTP request to the message, its follow-ups, the spool, the DLQ and the
dead letter. Clients and producers write it, so it is read strictly: a value that is not right
counts as none, and never is an error. A tracestate that is not right or too long is left out,
and the traceparent is carried without it.
"""

import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Self

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
LONGEST_STATE = 512  # characters; W3C asks for at least so many
LONGEST_TEXT = 55 + 1 + LONGEST_STATE  # of Trace.text
_MOST_MEMBERS = 32  # W3C
_LONGEST_PARENT = 200  # characters; a later version may have more than 55
SAMPLED, _RANDOM = 1, 2  # flags; the other bits have no meaning yet

_PARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})"
    r"-(?!0{16})(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-[!-~]*)?"
)
_KEY = r"[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}"
_MEMBER = re.compile(rf"({_KEY})=[ -+\--<>-~]{{0,255}}[!-+\--<>-~]")
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace, and the span in it that caused what carries this."""

    trace_id: str
    span_id: str
    flags: int = 0
    state: str = ""
    """What tracing systems noted for themselves, a tracestate; perhaps personal data."""

    @classmethod
    def read(cls, parent: str, state: str = "") -> Self | None:
        """The trace in a traceparent and a tracestate; None if there is no valid one."""
        if len(parent) > _LONGEST_PARENT or not (found := _PARENT.fullmatch(parent)):
            return None
        if found["version"] == "00" and found["more"]:
            return None
        flags = int(found["flags"], 16) & (SAMPLED | _RANDOM)
        return cls(found["trace"], found["span"], flags, _valid(state))

    @classmethod
    def beside(cls, attributes: Mapping[str, Any]) -> Self | None:
        """The trace in *attributes*: of a message, or the mark of a redrive, which a producer
        can write with any JSON in it."""
        parent, state = attributes.get(TRACEPARENT), attributes.get(TRACESTATE)
        if not isinstance(parent, str):
            return None
        return cls.read(parent, state if isinstance(state, str) else "")

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """The trace that `text` was written of."""
        parent, _, state = text.partition(" ")
        return cls.read(parent, state)

    @classmethod
    def of_xray(cls, header: str) -> Self | None:
        """The trace in an AWSTraceHeader, as `Root=1-...-...;Parent=...;Sampled=1`."""
        pairs = (pair.strip().partition("=") for pair in header[:500].split(";"))
        parts = {name: value for name, _, value in pairs}
        root = _XRAY_ROOT.fullmatch(parts.get("Root", ""))
        parent = _SPAN_ID.fullmatch(parts.get("Parent", ""))
        if not (root and parent and (root[1] + root[2]).strip("0")):
            return None
        sampled = SAMPLED if parts.get("Sampled") == "1" else 0
        return cls(root[1] + root[2], parent[0], sampled)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def attributes(self) -> dict[str, str]:
        """The message attributes that carry it."""
        carried = {TRACEPARENT: self.traceparent, TRACESTATE: self.state}
        return carried if self.state else {TRACEPARENT: self.traceparent}

    @property
    def text(self) -> str:
        """It as one text, for a column."""
        return f"{self.traceparent} {self.state}".rstrip()

    @property
    def sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    def sampled_if(self, sampled: bool) -> "Trace":
        flags = self.flags & ~SAMPLED | (SAMPLED if sampled else 0)
        return replace(self, flags=flags)

    def another(self) -> "Trace":
        """A new trace, sampled as this one is."""
        flags = self.flags & SAMPLED | _RANDOM
        return Trace(secrets.token_hex(16), secrets.token_hex(8), flags)


def _valid(state: str) -> str:
    """*state* as it is sent on; empty if it is no tracestate."""
    if not state or len(state) > LONGEST_STATE:
        return ""
    members = [one.strip(" \t") for one in state.split(",")]
    found = [_MEMBER.fullmatch(one) for one in members if one]
    keys = {one[1] for one in found if one}
    if len(keys) != len(found) or len(found) > _MOST_MEMBERS:
        return ""
    return ",".join(filter(None, members))


#: The correlation id of the HTTP request that this thread answers now.
correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
current = _current.get  # the trace of what this thread does now


class within:  # noqa: N801 - a verb, as contextmanager would make it, at a third of its time
    """Let *trace* be the current one of this thread."""

    __slots__ = ("_token", "_trace")

    def __init__(self, trace: Trace | None) -> None:
        self._trace = trace

    def __enter__(self) -> None:
        self._token = _current.set(self._trace)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def carried() -> dict[str, str]:
    """The message attributes that carry the current trace, if there is one."""
    trace = current()
    return trace.attributes if trace else {}
