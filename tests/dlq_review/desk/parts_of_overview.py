"""Parts of the overview, of groups and of what letters have in common, in rare states."""

from datetime import timedelta
from typing import Any

from tests.dlq_review.desk.letters_and_groups import NOW
from tests.dlq_review.desk.parts_of_lists import AGO, LONG, Part, row


def _overview() -> dict[str, Part]:
    depth = {"name": "orders", "visible": 3, "in_flight": 2, "dead": 1}
    refused = {"name": "signups", "refused": "signups-dlq", "visible": None}
    refused |= {"in_flight": None, "dead": None}
    cell = {"name": "Backlog", "figures": ["1", "2"], "warning": "Old.", "seen": AGO}
    shapes = [{"kind": "area", "path": "M0 0"}, {"kind": "line", "path": "M1 1"}]
    cell |= {"shapes": [*shapes, {"kind": "none"}]}
    flow = {
        "windows": [("6h", "6 hours", False), ("24h", "a day", True)],
        **{"since": AGO, "step": "5 min", "spool": {"figures": ["9"]}},
        "rows": [
            {"name": "orders", "cells": [cell, {"name": "Age", "figures": []}]},
            {"name": "signups", "cells": [{"name": "Backlog"}]},
        ],
    }
    bar = {"tone": 1, "x": 2, "y": 3, "width": 4, "height": 5, "title": "One."}
    bars = [bar, bar | {"tone": 2, "x": 8, "title": "Two."}]
    chart = {"highest": 9, "bars": bars, "labels": [(5, "12:00"), (6, "13:00")]}
    chart["legend"] = [(1, "orders", 7), (2, "signups", 2)]
    top = row(4, title=LONG, error_type="AError", type="", queue="orders", waiting=8)
    plain = row(5, title="B", error_type="B", type="t", queue="signups", waiting=1)
    signs = [{"name": "Beat", "at": AGO, "worker": "w1"}, {"name": "Pull", "at": NOW}]
    figures = {"waiting": "1", "lately": "2", "redriven": "3"}
    full: dict[str, Any] = {
        **{"day": chart, "fortnight": chart | {"highest": 99}, "flow": flow, **figures},
        **{"warnings": ["One.", "Two."], "overdue": "4", "soon": "5"},
        **{"oldest": row(6, first_failed_at=AGO), "unarchived": "6"},
        **{"top": [(top, 80), (plain, 10)], "depths": [depth, refused]},
        **{"signs": signs, "app_list": []},
    }
    calm: dict[str, Any] = {
        "overdue": "0",
        "soon": "0",
        "depths": None,
        "top": [],
        "signs": [],
    }
    page = "admin/index.html"
    return {
        "overview, full": (page, "content", full),
        "overview, calm": (page, "content", full | calm | {"oldest": None}),
        "overview, one overdue": (page, "content", full | {"soon": "0"}),
        "overview of who may not look": (page, "content", {"app_list": []}),
        "locked out": ("admin/locked_out.html", "main", {"failure_limit": 5}),
    }


def _groups() -> dict[str, Part]:
    group = row(
        **{"title": LONG, "error_type": "AError", "type": "", "queue": "orders"},
        **{"place": "x.py:1", "oldest_accepted": AGO, "first_seen": AGO, "waiting": 3},
        **{"last_seen": NOW, "last_redriven_at": AGO, "release": "r7"},
        **{"owner": "a b/c", "note": LONG, "appeared_at": NOW, "get_username": "x"},
    )
    bare = row(
        **{"title": "B", "error_type": "B", "type": "t", "queue": "signups"},
        **{"first_seen": AGO, "last_seen": NOW, "waiting": 1, "appeared_at": AGO},
    )
    noted = row(**{**vars(bare), "note": "a@b.de"})
    seen = {"until": "then", "may_edit": True, "since": AGO, "seen": 5}
    about = {"spark": "M0 0", "windows": [("1h", 4), ("24h", 6)]}
    one = "dlq_review/_group.html"
    looks = "dlq_review/_group_looks.html"
    people = [row(pk, get_username=name) for pk, name in ((3, "eve"), (33, "bob"))]
    me = {"get_username": "eve"}
    typed = {"typed_to": "3", "typed_word": "<Please>", "colleagues": people}
    owner, many = "dlq_review/_group_owner.html", "dlq_review/_groups_many.html"
    own = {"may_edit": True, "kept": "?list=x", "seen": 4, "user": me}
    repairs = "dlq_review/_group_repairs.html"
    orders = [("redrive", "rehearse", "fix"), ("rehearse", "fix", "redrive")]
    orders += [("fix", "redrive", "rehearse")]
    may = ("may_operate", "may_rehearse", "may_edit", "may_discard")
    granted: dict[str, tuple[str, ...]] = {"all": may, "nothing": ()}
    granted |= {f"all but {left}": tuple({*may} - {left}) for left in may}
    verdicts = {
        f"repairs, {order[0]} first, {name}": (
            repairs,
            "",
            {
                **{"group": group, "verdict": {"order": order}, "kept": "?list=x"},
                **dict.fromkeys(some, True),
            },
        )
        for order in orders
        for name, some in granted.items()
        if order == orders[0] or name == "all"
    }
    get = {"urlencode": "owner=mine&q=1"}
    page = {"group": group, "about": about}
    return {
        "group": (one, "", page | seen | {"ticked": ["9", "7"], "kept": "?list=x"}),
        "group, bare": (one, "", page | seen | {"group": bare, "ticked": ["77"]}),
        "group, appeared then": (one, "", page | seen | {"since": NOW}),
        "group, first look": (one, "", page | seen | {"since": None, "group": noted}),
        "group, of who may not edit": (one, "", page | seen | {"may_edit": False}),
        "group, on its page": (one, "", page | {"may_edit": True}),
        "looks, new": (looks, "", {"since": AGO, "new": "3", "until": "then"}),
        **{
            f"looks, of {name or 'all'}": (looks, "", {"request": {"GET": of}})
            for name, of in {
                "": {},
                **{one: {"owner": one} for one in ("mine", "nobody", "of-x")},
            }.items()
        },
        "looks, nothing new": (
            looks,
            "",
            {"since": AGO, "new": "0", "request": {"GET": get}},
        ),
        "many groups": (many, "", typed | {"ticked": ["7"], "request": {"GET": get}}),
        "many groups, closed": (many, "", {"colleagues": people}),
        "owner, nobody": (owner, "", own | typed | {"group": bare}),
        "owner, me": (owner, "", own | {"group": row(owner="eve")}),
        "owner, another": (owner, "", own | {"group": group}),
        "owner, of who may not": (owner, "", {"group": group, "user": me}),
        **verdicts,
    }


def _common() -> dict[str, Part]:
    def value(text: str, letters: int, **more: Any) -> dict[str, Any]:
        beside = {"beside": 0 if more.get("beside") else None}
        about = {"value": {"text": text, "letters": letters, **beside}}
        return about | {"percent": letters * 10} | more

    values = [
        value("EUR", 6, narrowed="?field=EUR&x", beside="3 %", operation="/new?a&b"),
        value("", 1, beside="4 %"),
        value("USD", 2),
    ]
    compared = {"path": "data.x", "compared": 40, "beside": "orders", "message": "No."}
    compared |= {"missing": 2, "others": 1, "hidden": 1, "letters": 8}
    plain = {"path": "worker", "others": 2, "hidden": 2}
    shown = [
        {"label": "data.x", "row": compared, "values": values},
        {"label": "Worker", "row": plain, "values": values[:2]},
    ]
    processed = {"requests": 1, "looked_at": 500}
    common = {"sample": 500, "unread": 3, "read": 1, "left_out": True}
    full: dict[str, Any] = {
        **{"common": common | {"processed": processed}, "common_of": 900},
        **{"common_failing": shown, "common_rows": shown, "common_plain": shown},
        **{"common_more": 1, "common_list": "?state=x", "common_alike": shown},
        "common_counts": True,
    }
    few: dict[str, Any] = {"common_all": True, "common_of": 9, "common_counts": False}
    few |= {"common_more": 2, "common_failing": (), "common_rows": shown[:1]}
    read = {"sample": 9, "read": 1, "processed": processed | {"requests": 2}}
    page = "dlq_review/_common.html"
    return {
        "in common": (page, "", full),
        "in common, all": (page, "", full | few | {"common": read, "cl": True}),
        "in common, all read": (
            page,
            "",
            {"common": {"sample": 2, "read": 2}, "common_all": True, "common_of": 2},
        ),
        "in common, two read": (page, "", {"common": {"sample": 9, "read": 2}}),
        "in common, one": (page, "", {"common": {"sample": 1}, "common_all": True}),
        "in common, noted": (
            "dlq_review/common.html",
            "content",
            {"cl": {"notes": ["One.", "Two."]}},
        ),
    }


def _keys() -> dict[str, Part]:
    page, block = "admin/api_keys/key.html", "object-tools-items"
    key = {"original": row(3)}

    def may(*names: str) -> dict[str, Any]:
        return {"perms": {"intake": {f"{name}_apikey": True for name in names}}}

    story = {"original": row(request_id="r-1")}
    reads = {"perms": {"dlq_review": {"view_deadletter": True}}}
    tools = "admin/row.html"
    staff = "admin/staff/change_form.html"
    person = {"offers_second_factor": True, "original": row(4)}
    person |= {"request": {"user": {"is_superuser": True}}}
    return {
        "key, of who changes": (page, block, key | may("change")),
        "key, of who adds": (page, block, key | may("add")),
        "key, of who adds and changes": (page, block, key | may("add", "change")),
        "key, revoked": (
            page,
            block,
            {"original": row(3, revoked_at=NOW - timedelta(days=1))} | may("change"),
        ),
        "keys that are looked at": ("admin/api_keys/make.html", "content", {}),
        "row of a request": (tools, block, story | reads),
        "row of who may not read": (tools, block, story),
        "row of no request": (tools, block, {"original": row()} | reads),
        "person": (staff, block, person),
        "person, without a factor": (
            staff,
            block,
            person | {"offers_second_factor": False},
        ),
        "person, of who is no superuser": (staff, block, person | {"request": {}}),
        "person, new": (staff, block, person | {"original": None}),
    }


def parts_of_overview() -> dict[str, Part]:
    return {**_overview(), **_groups(), **_common(), **_keys()}
