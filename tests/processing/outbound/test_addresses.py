"""A URL of a setting leads to public addresses, unless its host is allowed more."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from processing.outbound import addresses
from processing.outbound.errors import UndeliveredError

PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),  # noqa: S104
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    *("2001:db8::1", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
    *("2001::1", "::a00:7", "64:ff9b:1::a00:7", "fec0::1"),
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_known(address: str) -> None:
    assert addresses.is_public(address)


def answer_with(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port))
            for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    ("found", "private", "is_refused"),
    [
        (["1.1.1.1"], [], False),
        (["10.0.0.1"], [], True),
        (["1.1.1.1", "10.0.0.1"], [], True),
        (["10.0.0.1"], ["hooks.example.com"], False),
        (["10.0.0.1"], ["example.com"], True),
    ],
)
def test_every_address_of_a_host_has_to_be_public_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
    found: list[str],
    private: list[str],
    is_refused: bool,
) -> None:
    answer_with(monkeypatch, *found)
    parts = urlsplit("https://Hooks.example.com/x")
    if is_refused:
        with pytest.raises(UndeliveredError, match="not public") as refused:
            addresses.resolve(parts, private)
        assert refused.value.is_refusal
    else:
        places = addresses.resolve(parts, private)
        assert [one.socket_address for one in places] == [(one, 443) for one in found]


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example", "x..y"])
def test_a_name_that_nobody_knows_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise UnicodeError if ".." in host else socket.gaierror(-2, host)

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UndeliveredError) as found:
        addresses.resolve(urlsplit(f"https://{host}/"), [])
    assert not found.value.is_refusal
    assert host not in str(found.value)


@pytest.mark.parametrize(
    ("url", "is_wrong"),
    [
        ("https://example.com/x?y=1", False),
        ("http://private.example.com", False),
        ("http://example.com", True),
        ("file:///etc/passwd", True),
        ("gopher://private.example.com/", True),
        ("//example.com/", True),
        ("https:///x", True),
        ("https://exa mple.com/", True),
        ("https://example.com/\r\nX: y", True),
        ("https://example.com:x/", True),
        ("https://example.com/a b", True),
        ("https://example.com/a\u3000b", True),
        ("https://example.com/a\x00b", True),
        ("https://example.com/a\u200bb", True),
        ("https://example.com/a\tb", True),
        ("https://example.com\\x", True),
        ("https://example.com%2Fx", True),
        ("https://b\u00fccher.example/", False),
        ("https://a_b.example/", False),
        ("https://[2001:db8::1]/", False),
        ("", True),
    ],
)
def test_a_url_that_cannot_be_used_is_known(url: str, is_wrong: bool) -> None:
    assert bool(addresses.problem(url, ["private.example.com"])) is is_wrong
