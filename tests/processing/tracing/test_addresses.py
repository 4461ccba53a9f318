"""Where logs and traces are kept is named by an address that is checked at the start."""

import pytest
from pytest_django import Settings

from processing.tracing.checks import outside_links

GOOD = "https://a.example.com/{trace_id}"


@pytest.mark.parametrize(
    ("name", "template", "is_right"),
    [
        ("TRACE_URL", "", True),
        ("TRACE_URL", GOOD, True),
        ("TRACE_URL", f"{GOOD}?{{{{}}}}&{{from_ms}}&{{to_ms}}&{{request_id}}", True),
        ("LOG_URL", "http://localhost:3000/{correlation_id}", True),
        ("TRACE_URL", "https://a.example.com/{request_id}", False),
        ("LOG_URL", "https://a.example.com/{from_ms}", False),
        ("LOG_URL", "https://a.example.com/", False),
        ("LOG_URL", f"{GOOD}{{settings}}", False),
        ("LOG_URL", f"{GOOD}{{trace_id.__class__}}", False),
        ("LOG_URL", f"{GOOD}{{trace_id[0]}}", False),
        ("LOG_URL", f"{GOOD}{{trace_id!r}}", False),
        ("LOG_URL", f"{GOOD}{{trace_id:>999999999}}", False),
        ("LOG_URL", f"{GOOD}{{}}", False),
        ("LOG_URL", f"{GOOD}{{0}}", False),
        ("LOG_URL", f"{GOOD}{{", False),
        ("LOG_URL", f"{GOOD}}}", False),
        ("LOG_URL", "javascript:alert({trace_id})", False),
        ("LOG_URL", "ftp://a.example.com/{trace_id}", False),
        ("LOG_URL", "//a.example.com/{trace_id}", False),
        ("LOG_URL", "https:///{trace_id}", False),
        ("LOG_URL", "https://{trace_id}.example.com/", False),
        ("LOG_URL", "https://ada:secret@a.example.com/{trace_id}", False),
        ("LOG_URL", "https://[a/{trace_id}", False),
        ("LOG_URL", f"{GOOD} x", False),
        ("LOG_URL", f"{GOOD}\n", False),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_meant_is_named_at_the_start(
    settings: Settings, name: str, template: str, is_right: bool
) -> None:
    settings.LOG_URL = settings.TRACE_URL = ""
    setattr(settings, name, template)
    found = [str(one.msg) for one in outside_links(None)]
    assert len(found) == (not is_right)
    assert all(name in one for one in found)
    assert "secret" not in repr(found)
