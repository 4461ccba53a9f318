"""Pages of API keys, staff members and the second factor, for a text that is kept."""

import time
from binascii import unhexlify
from datetime import timedelta

import time_machine
from django.urls import reverse
from django_otp.oath import TOTP

from intake.models import ApiKey
from processing.models import StaffMember, User
from processing.staff import second_factor
from tests.dlq_review.desk.letters_and_groups import NOW, Asked

_KEY = "3132333435363738393031323334353637383930"


def _code() -> str:
    totp = TOTP(unhexlify(_KEY))
    totp.time = time.time()
    return f"{totp.token():06}"


def _keys() -> dict[str, Asked]:
    made, _ = ApiKey.make("Shop", ["order_created", "signup_requested"], None)
    ends, _ = ApiKey.make("Till", ["order_created"], NOW + timedelta(days=3))
    gone, _ = ApiKey.make("Old", ["order_created"], None)
    ApiKey.objects.filter(pk=gone.pk).update(revoked_at=NOW)

    def at(step: str, key: ApiKey) -> str:
        return reverse(f"admin:intake_apikey_{step}", args=[key.pk])

    add = reverse("admin:intake_apikey_add")
    sent = {"scopes": ["order_created", "order_updated"]}
    return {
        "keys": (reverse("admin:intake_apikey_changelist"), None),
        "a key": (at("change", made), None),
        "a key that ends": (at("change", ends), None),
        "a key that was revoked": (at("change", gone), None),
        "a new key": (add, None),
        "a new key, not right": (add, {"producer": "", "expires_at": "x"}),
        "the key that was made": (
            add,
            sent | {"producer": "New", "expires_at": "2027-06-30 12:00"},
        ),
        "the next key": (at("next", ends), None),
        "the next key, not right": (at("next", ends), {"days": "x"}),
        "the next key that was made": (at("next", ends), sent | {"days": "2"}),
        "the end of a key": (at("revoke", made), None),
    }


def keys_and_staff() -> dict[str, Asked]:
    ada = StaffMember.objects.create(username="ada.l", is_staff=True)
    admin = User.objects.get(username="admin")
    with time_machine.travel(NOW - timedelta(minutes=10), tick=False):
        second_factor.enrol(admin, _KEY, _code(), has_shown_a_code=False)
    ask = reverse("admin:second_factor")
    enrol = reverse("admin:second_factor_enrol")
    ours = "?next=/admin/find/"
    factor: dict[str, Asked] = {
        "the code": (f"{ask}{ours}", None),
        "the code, empty": (f"{ask}{ours}", {"code": ""}),
        "the code that is right": (ask, {"code": _code()}),
        "the second factor": (ask, None),
        "another app": (f"{enrol}{ours}", None),
        "another app, not right": (enrol, {"code": "x"}),
        "recovery codes": (reverse("admin:second_factor_codes") + ours, {}),
    }
    staff = reverse("admin:processing_staffmember_change", args=[ada.pk])
    reset = reverse("admin:processing_staffmember_second_factor", args=[ada.pk])
    return {
        **factor,
        **_keys(),
        "a staff member": (staff, None),
        "a new staff member": (reverse("admin:processing_staffmember_add"), None),
        "the end of a second factor": (reset, None),
        "a row of an order": (reverse("admin:processing_order_changelist"), None),
    }
