"""The addresses of logs and traces, LOG_URL and TRACE_URL, with names in braces."""

import string
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

TRACE_ID = "trace_id"
_IDS = ("request_id", "correlation_id", TRACE_ID)
_NAMES = (*_IDS, "from_ms", "to_ms")
#: What each setting has to name one of, or it leads to the same page for all.
NEEDED = {"LOG_URL": _IDS, "TRACE_URL": (TRACE_ID,)}


def problem(name: str, template: str) -> str:
    """What is wrong with the setting *name*; empty if nothing is."""
    try:
        parts = list(string.Formatter().parse(template))
        address = urlsplit(template)
    except ValueError:
        return "Its braces do not match. Write {{ and }} for braces of the address."
    fields = [field for _, field, *_ in parts if field is not None]
    odd = any(spec or conversion for *_, spec, conversion in parts)
    if odd or not set(fields) <= set(_NAMES):
        return f"The names that it may hold are {', '.join(_NAMES)}."
    if address.scheme not in ("http", "https") or not address.hostname:
        return "It begins with neither https:// nor http:// and a host."
    if set("{}@") & set(address.netloc):
        return "The host is the same for all, and it holds no password."
    if not template.isprintable() or " " in template:
        return "It has characters that no address has."
    if not set(fields) & set(NEEDED[name]):
        return f"It names none of {', '.join(NEEDED[name])}."
    return ""


def filled(template: str, values: Mapping[str, str]) -> str:
    """*template* with *values*; empty if one that it names is not known."""
    quoted = {name: quote(text, safe="") for name, text in values.items() if text}
    try:
        return template.format(**quoted)
    except KeyError:
        return ""
