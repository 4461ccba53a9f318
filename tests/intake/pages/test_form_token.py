from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import signing

from intake.pages.form_token import LONGEST_OPEN, FormToken, StaleFormError

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_token_is_read_as_it_was_made_and_each_is_another() -> None:
    token = FormToken()
    assert FormToken.read(str(token)) == token
    assert FormToken().nonce != token.nonce
    assert len(token.nonce) == 22
    assert abs(datetime.now(UTC) - token.opened_at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("open_for", "is_read"),
    [
        (timedelta(0), True),
        (LONGEST_OPEN, True),
        (LONGEST_OPEN + timedelta(seconds=1), False),
    ],
)
def test_a_form_that_was_open_for_too_long_is_told(
    open_for: timedelta, *, is_read: bool
) -> None:
    with time_machine.travel(NOW, tick=False):
        token = FormToken("n-1", NOW - open_for)
        if is_read:
            assert FormToken.read(str(token)) == token
        else:
            with pytest.raises(StaleFormError, match="open for a long time"):
                FormToken.read(str(token))


@pytest.mark.parametrize("salt", ["intake.form", "another"])
def test_a_token_that_is_not_ours_is_told(salt: str) -> None:
    value = ["n-1", NOW.isoformat()]
    text = signing.Signer(salt=salt, key="another").sign_object(value)
    for forged in (text, "", "x", str(FormToken())[:-1]):
        with pytest.raises(StaleFormError):
            FormToken.read(forged)
