"""The second factor of staff: asked for, set up, taken once, throttled, and reset."""

import threading
import time
from binascii import unhexlify
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from processing.models import User
from processing.staff import second_factor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standing_clock")]
HOME, LOGIN = reverse("admin:index"), reverse("admin:login")
ASK, ENROL = reverse("admin:second_factor"), reverse("admin:second_factor_enrol")
CODES = reverse("admin:second_factor_codes")
LIST = reverse("admin:dlq_review_deadletter_changelist")
KEY = "3132333435363738393031323334353637383930"
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> Iterator[None]:
    settings.STAFF_SECOND_FACTOR = "required"
    cache.clear()  # of the tries that other tests made
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ada() -> User:
    user = User(username="ada", is_staff=True, is_superuser=True)
    user.set_password("a long one, 47 horses")
    user.save()
    return user


def entered(user: User) -> Client:
    """After the password."""
    client = Client()
    client.force_login(user)
    return client


def code(key: str = KEY, *, after: float = 0) -> str:
    """What the app shows so many seconds later."""
    totp = TOTP(unhexlify(key))
    totp.time = time.time() + after
    return f"{totp.token():06}"


def enrolled(user: User) -> list[str]:
    """As *user* did it some minutes ago; the codes on paper."""
    with time_machine.travel(NOW - 600, tick=False):
        second_factor.enrol(user, KEY, code(), has_shown_a_code=False)
        return second_factor.new_codes_on_paper(user)


def verified(user: User) -> Client:
    enrolled(user)
    client = entered(user)
    assert client.post(ASK, {"code": code()}).status_code == 302
    return client


def gets_in(client: Client) -> bool:
    return bool(client.get(LIST).status_code == 200)


def pages(patterns: list[Any], before: str = "/admin/") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern).lstrip("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            for part in ("<int:", "<path:", "<str:", "<id", "<url>", "(?P<"):
                while part in route:
                    begun, _, rest = route.partition(part)
                    route = begun + "1" + rest.partition(">")[2].removeprefix(".*)")
            yield route


def all_pages() -> list[str]:
    resolver = next(
        part
        for part in get_resolver().url_patterns
        if isinstance(part, URLResolver) and part.app_name == "admin"
    )
    return sorted(set(pages(resolver.url_patterns)))


OPEN = (LOGIN, reverse("admin:logout"), ASK, ENROL, CODES)


@pytest.mark.parametrize("has_app", [False, True])
def test_without_a_code_every_page_of_the_desk_leads_to_it(
    ada: User, has_app: bool
) -> None:
    if has_app:
        enrolled(ada)
    client, tried = entered(ada), 0
    for page in all_pages():
        if page in OPEN:
            continue
        for answer in (client.get(page), client.post(page, {"code": "1"})):
            assert answer.status_code == 302, page
            assert answer.headers["Location"].startswith(LOGIN), page
        tried += 1
    assert tried > 60
    answer = client.get(LIST, follow=True)
    last = answer.redirect_chain[-1][0]
    assert last.startswith(ASK if has_app else ENROL)
    text = answer.content.decode()
    assert f'name="next" value="{LIST}"' in text
    assert 'class="finder"' not in text


def test_a_key_is_typed_in_groups_of_four_letters() -> None:
    assert second_factor.in_letters(b"foobarfoob".hex()) == "MZXW 6YTB OJTG 633C"


def test_a_key_has_the_160_random_bits_of_the_standard() -> None:
    assert len(unhexlify(second_factor.new_key())) == 20
    assert second_factor.new_key() != second_factor.new_key()


def test_the_first_login_sets_up_an_app_and_leads_to_where_one_went(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = Client()
    told = {"username": "ada", "password": "a long one, 47 horses", "next": LIST}
    page = client.post(LOGIN, told, follow=True).content.decode()
    key = client.session["second_factor_key"]
    assert second_factor.in_letters(key) in page
    assert "<svg" in page
    assert "style=" not in page.partition("<svg")[2].partition("</svg>")[0]
    wrong = client.post(ENROL, {"code": "000000"}).content.decode()
    assert "not right" in wrong
    assert second_factor.in_letters(key) in wrong, "the same key as before"
    assert not gets_in(client)

    answer = client.post(ENROL, {"code": code(key), "next": LIST}).content.decode()
    assert f'href="{LIST}"' in answer
    shown = set(StaticToken.objects.values_list("token", flat=True))
    assert len(shown) == 10
    assert all(token in answer for token in shown)
    assert gets_in(client)
    assert "second_factor_key" not in client.session
    again = entered(ada).post(ASK, {"code": code(key)})
    assert "used already" in again.content.decode()
    said = [one for one in caplog.messages if one.startswith("second_factor=")]
    assert said == [
        f"second_factor={one} user={ada.pk}" for one in ("enrolled", "refused")
    ]


def test_a_code_opens_the_desk_once(ada: User) -> None:
    enrolled(ada)
    first, second = entered(ada), entered(ada)
    assert first.post(ASK, {"code": code(), "next": LIST}).headers["Location"] == LIST
    assert gets_in(first)
    assert "used already" in second.post(ASK, {"code": code()}).content.decode()
    assert not gets_in(second)


@pytest.mark.parametrize("written", ["{a} {b}", " {a}{b} ", "{a}-{b}"])
def test_a_code_may_be_typed_as_it_is_shown(ada: User, written: str) -> None:
    enrolled(ada)
    client = entered(ada)
    typed = written.format(a=code()[:3], b=code()[3:])
    assert client.post(ASK, {"code": typed}).status_code == 302


def test_a_clock_that_is_half_a_minute_off_is_borne_and_no_more(ada: User) -> None:
    for seconds, taken in ((-90, False), (90, False), (-30, True), (30, True)):
        second_factor.reset(ada)
        enrolled(ada)
        answer = entered(ada).post(ASK, {"code": code(after=seconds)})
        assert (answer.status_code == 302) is taken, seconds


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [(-60, False), (-30, True), (0, True), (30, True), (60, False)],
)
def test_an_app_whose_clock_is_further_off_is_not_set_up(
    ada: User, seconds: int, *, taken: bool
) -> None:
    shown = code(after=seconds)
    if taken:
        second_factor.enrol(ada, KEY, shown, has_shown_a_code=False)
    else:
        with pytest.raises(second_factor.WrongCodeError):
            second_factor.enrol(ada, KEY, shown, has_shown_a_code=False)
    assert second_factor.is_enrolled(ada) is taken


def test_an_app_whose_clock_is_ahead_is_known_as_such(ada: User) -> None:
    with time_machine.travel(NOW - 600, tick=False):
        ahead = code(after=30)
        second_factor.enrol(ada, KEY, ahead, has_shown_a_code=False)
    assert entered(ada).post(ASK, {"code": code(after=60)}).status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "0",
        "000000",
        "abcdefgh",
        "1" * 41,
        "１２３４５６",
        "-1",
        "1e5",
        "12_456",
    ],
)
def test_what_is_no_code_is_refused_in_words(ada: User, wrong: str) -> None:
    enrolled(ada)
    client = entered(ada)
    answer = client.post(ASK, {"code": wrong})
    assert answer.status_code == 200
    assert 'class="errorlist"' in answer.content.decode()
    assert "<title>Error: " in answer.content.decode()
    assert "<title>Error: " not in client.get(ASK).content.decode()
    assert not gets_in(client)


def test_an_app_that_was_never_confirmed_opens_nothing(ada: User) -> None:
    enrolled(ada)
    TOTPDevice.objects.update(confirmed=False)
    assert not second_factor.is_enrolled(ada)
    with pytest.raises(second_factor.WrongCodeError):
        second_factor.verify(ada, code())


@pytest.mark.parametrize(("left", "told"), [(0.2, 1), (1.5, 2), (59.9, 60)])
def test_a_pause_is_told_in_seconds_that_suffice(left: float, told: int) -> None:
    until = timezone.now() + timedelta(seconds=left)
    assert f"Wait {told} seconds," in str(second_factor.TooSoonError(until))


def test_guesses_are_throttled_longer_each_time(ada: User) -> None:
    enrolled(ada)
    client = entered(ada)
    tried = 0
    for second in range(60):
        with time_machine.travel(NOW + second, tick=False):
            answer = client.post(
                ASK, {"code": "000000"}, REMOTE_ADDR=f"10.0.{second}.1"
            )
            tried += "not right" in answer.content.decode()
    assert tried == 6, "after 1, 2, 4, 8, 16 seconds"
    with time_machine.travel(NOW + 60, tick=False):
        answer = client.post(ASK, {"code": code()})
        assert "Wait" in answer.content.decode(), "even the right one waits"
    with time_machine.travel(NOW + 64, tick=False):
        assert client.post(ASK, {"code": code()}).status_code == 302


def test_codes_are_tried_so_often_from_one_address(
    ada: User, settings: Settings
) -> None:
    settings.RATE_LIMIT_LOGINS = 3
    enrolled(ada)
    client = entered(ada)
    answers = [client.post(ASK, {"code": "0"}).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]


def test_a_code_on_paper_opens_once_and_only_for_its_owner(ada: User) -> None:
    paper = enrolled(ada)
    other = User.objects.create(username="grace", is_staff=True, is_superuser=True)
    enrolled(other)
    assert entered(other).post(ASK, {"code": paper[0]}).status_code == 200
    client = entered(ada)
    assert client.post(ASK, {"code": paper[0].upper()}).status_code == 302
    assert gets_in(client)
    assert entered(ada).post(ASK, {"code": paper[0]}).status_code == 200
    assert StaticToken.objects.filter(device__user=ada).count() == 9


def test_new_codes_end_the_former_ones_and_need_a_code_first(ada: User) -> None:
    paper = enrolled(ada)
    assert entered(ada).post(CODES).headers["Location"].startswith(ASK)
    assert paper[0] in StaticToken.objects.values_list("token", flat=True)
    client = entered(ada)
    client.post(ASK, {"code": paper[0]})
    assert client.get(CODES).status_code == 405
    page = client.post(CODES).content.decode()
    now = set(StaticToken.objects.values_list("token", flat=True))
    assert len(now) == 10
    assert not now & set(paper)
    assert all(token in page for token in now)
    assert gets_in(client), "who came in by paper stays in"


def test_a_password_alone_sets_up_no_second_app(ada: User) -> None:
    enrolled(ada)
    client = entered(ada)
    assert client.get(ENROL).headers["Location"].startswith(ASK)
    answer = client.post(ENROL, {"code": code()})
    assert answer.headers["Location"].startswith(ASK)
    assert TOTPDevice.objects.get().key == KEY


def test_another_app_takes_the_place_of_the_first_and_ends_its_sessions(
    ada: User,
) -> None:
    former = verified(ada)
    with time_machine.travel(NOW + 60, tick=False):
        client = entered(ada)
        client.post(ASK, {"code": code()})
        client.get(ENROL)
        key = client.session["second_factor_key"]
        assert client.post(ENROL, {"code": code(key)}).status_code == 200
        assert TOTPDevice.objects.get().key == key
        assert gets_in(client)
        assert not gets_in(former)


def test_a_key_that_one_session_was_shown_is_no_other_sessions(ada: User) -> None:
    thief, owner = entered(ada), entered(ada)
    thief.get(ENROL)
    owner.get(ENROL)
    assert thief.session["second_factor_key"] != owner.session["second_factor_key"]


def test_a_session_that_was_known_before_the_code_is_not_let_in(ada: User) -> None:
    enrolled(ada)
    client, fixed = entered(ada), Client()
    fixed.cookies["sessionid"] = client.cookies["sessionid"].value
    client.post(ASK, {"code": code()})
    assert gets_in(client)
    assert not gets_in(fixed)


@pytest.mark.parametrize(
    "going", ["//evil.example/", "https://evil.example/", "javascript:x"]
)
def test_the_way_on_stays_with_us(ada: User, going: str) -> None:
    enrolled(ada)
    answer = entered(ada).post(ASK, {"code": code(), "next": going})
    assert answer.headers["Location"] == HOME


def test_whoever_has_shown_no_code_can_log_out(ada: User) -> None:
    client = entered(ada)
    assert client.post(reverse("admin:logout")).status_code == 200
    assert "_auth_user_id" not in client.session


def test_optional_asks_those_who_set_it_up_and_offers_it_to_the_rest(
    ada: User, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = "optional"
    enrolled(User.objects.create(username="grace", is_staff=True))  # who is not asked
    client = entered(ada)
    assert gets_in(client)
    assert ASK in client.get(HOME).content.decode()
    assert client.get(ENROL).status_code == 200
    enrolled(ada)
    assert not gets_in(client)
    assert client.post(ASK, {"code": code()}).status_code == 302
    assert gets_in(client)


def test_off_asks_nobody_and_has_no_pages(ada: User, settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = "off"
    enrolled(ada)
    client = entered(ada)
    assert gets_in(client)
    assert [client.get(page).status_code for page in (ASK, ENROL)] == [404, 404]
    assert ASK not in client.get(HOME).content.decode()


def test_these_pages_are_for_staff_alone(settings: Settings) -> None:
    customer = User.objects.create(username="c", is_staff=False)
    for client in (Client(), entered(customer)):
        for page in (ASK, ENROL):
            assert client.get(page).headers["Location"].startswith(LOGIN)
        assert client.post(CODES).headers["Location"].startswith(LOGIN)
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()


def test_a_superuser_resets_who_lost_app_and_paper(ada: User) -> None:
    grace = User.objects.create(username="grace", is_staff=True)
    theirs = verified(grace)
    client = verified(ada)
    page = reverse("admin:processing_staffmember_second_factor", args=[grace.pk])
    change = reverse("admin:processing_staffmember_change", args=[grace.pk])
    assert page in client.get(change).content.decode()
    assert client.get(page).status_code == 200
    assert TOTPDevice.objects.filter(user=grace).exists(), "asked first"
    assert theirs.post(page).status_code == 403
    answer = client.post(page, follow=True)
    assert answer.redirect_chain == [(change, 302)]
    (said,) = map(str, answer.context["messages"])
    assert said == f"The second factor of {grace} was reset."
    assert not TOTPDevice.objects.filter(user=grace).exists()
    assert not StaticDevice.objects.filter(user=grace).exists()
    assert TOTPDevice.objects.filter(user=ada).exists()
    assert theirs.get(LIST).headers["Location"].startswith(LOGIN)
    history = reverse("admin:processing_staffmember_history", args=[grace.pk])
    assert "Second factor reset" in client.get(history).content.decode()


@pytest.mark.parametrize("is_active", [True, False])
def test_the_shell_resets_too(
    ada: User,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    *,
    is_active: bool,
) -> None:
    enrolled(ada)
    User.objects.update(is_active=is_active)
    call_command("reset_second_factor", "ada")
    assert f"second_factor=reset user={ada.pk}" in caplog.messages
    assert not TOTPDevice.objects.exists()
    call_command("reset_second_factor", "ada")
    assert "no second factor" in capsys.readouterr().out
    with pytest.raises(CommandError, match="'nobody'"):
        call_command("reset_second_factor", "nobody")


def test_no_right_but_a_superusers_resets_a_second_factor(ada: User) -> None:
    """Whoever could would take over an account whose password they guessed."""
    grace = User.objects.create(username="grace", is_staff=True)
    grace.user_permissions.set(Permission.objects.all())
    enrolled(ada)
    theirs = verified(grace)
    page = reverse("admin:processing_staffmember_second_factor", args=[ada.pk])
    assert theirs.get(page).status_code == theirs.post(page).status_code == 403
    assert TOTPDevice.objects.filter(user=ada).exists()


def test_nobody_reads_keys_or_codes_in_the_admin() -> None:
    assert TOTPDevice not in admin.site._registry
    assert StaticDevice not in admin.site._registry


def at_once(clients: list[Client], post: Callable[[Client], Any]) -> list[int]:
    """What each is answered, when all post together."""
    gate, got = threading.Barrier(len(clients)), []

    def use(client: Client) -> None:
        gate.wait()
        try:
            got.append(post(client).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=use, args=[one]) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(got)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_one_code_at_once_one_gets_in(ada: User) -> None:
    paper = enrolled(ada)
    for shown in (code(), paper[0]):
        clients = [entered(ada) for _ in range(4)]
        got = at_once(clients, lambda client: client.post(ASK, {"code": shown}))  # noqa: B023 - used within the round
        assert got == [200, 200, 200, 302]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_set_up_an_app_at_once_the_first_keeps_it(ada: User) -> None:
    """One of them may know nothing but the password."""
    clients = [entered(ada) for _ in range(4)]
    for client in clients:
        client.get(ENROL)

    def set_up(client: Client) -> Any:
        return client.post(ENROL, {"code": code(client.session["second_factor_key"])})

    assert at_once(clients, set_up) == [200, 302, 302, 302]
    assert [gets_in(client) for client in clients].count(True) == 1


def test_who_has_shown_a_code_may_renew_the_codes_and_set_up_another_app(
    ada: User,
) -> None:
    client = verified(ada)
    text = client.get(ASK).content.decode()
    assert f'action="{CODES}"' in text
    assert f'href="{ENROL}"' in text
    assert client.get(CODES).status_code == 405


def test_a_right_code_gives_the_session_another_id(ada: User) -> None:
    """A session id that was stolen before opens nothing."""
    enrolled(ada)
    client = entered(ada)
    before = client.session.session_key
    assert client.post(ASK, {"code": code()}).status_code == 302
    assert client.session.session_key not in (None, before)


def test_nobody_is_led_from_https_to_http(ada: User) -> None:
    enrolled(ada)
    form = {"code": code(), "next": f"http://testserver{LIST}"}
    answer = entered(ada).post(ASK, form, secure=True)
    assert answer.headers["Location"] == HOME


def test_a_customer_who_is_logged_in_is_led_to_the_login(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=False, is_superuser=False)
    for page in (ASK, ENROL):
        answer = entered(ada).get(page)
        assert answer.headers["Location"].startswith(LOGIN)
