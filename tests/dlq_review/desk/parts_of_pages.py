"""Parts of the page of a letter in rare states."""

from typing import Any

from tests.dlq_review.desk.letters_and_groups import NOW
from tests.dlq_review.desk.parts_of_edits import parts_of_edits
from tests.dlq_review.desk.parts_of_lists import AGO, LONG, Part, row
from tests.dlq_review.desk.parts_of_operations import parts_of_operations


def _asked() -> dict[str, Part]:
    name = {"label": "email", "value": "<a>", "problem": "No address."}
    order = {"label": "order id", "value": "ORD-7", "findable": True}
    bad = {"value": "0", "problem": "Too few."}
    asked: dict[str, Any] = {
        **{"fields": [name, order], "more_fields": 1, "more_items": 2},
        "items": [[{"value": "TEA"}, bad, {"value": "4"}], [bad, bad, bad]],
        "problems": [{"field": "data.x", "message": "Gone."}, {"message": "Bad."}],
    }
    page = "dlq_review/_asked.html"
    more = {"more_fields": 2, "more_items": 1, "items": []}
    return {
        "asked": (page, "", {"asked": asked}),
        "asked, and more": (page, "", {"asked": more}),
        "asked, nothing": (page, "", {"asked": {"items": []}}),
    }


def _letter() -> dict[str, Part]:
    page, block = "dlq_review/letter.html", "content"
    frames = [
        {"ours": True, "where": "x.py:1", "code": ["a()", "b()"]},
        {"where": "lib.py:2"},
    ]
    trace = {"frames": frames, "error": "ValueError: <x>"}
    attempt = {
        **{"error_type": "AError", "receive_count": 3, "started_at": AGO},
        **{"duration_ms": 12, "worker": "w1", "release": "r7", "place": "x.py:1"},
        "permanent": True,
    }
    arrival = {"dlq": "orders-dlq", "message_id": "m-1", "pulled_at": AGO}
    arrival |= {"sent_at": AGO, "receive_count": 4, "archived_at": AGO}
    kept = arrival | {"archived_to": "s3://b/k"}
    named = [("failure", "{}", "String"), ("x", "y", "")]
    arrivals = [
        (kept, named, LONG, "https://console/"),
        (kept, (), "x" * 8001, ""),
        (arrival, (), "x", ""),
        (arrival | {"archived_at": None}, (), "x", ""),
    ]
    revision = {"number": 2, "by": "", "at": AGO}
    lines = [{"kind": "del", "text": "-a"}, {"kind": "ins", "text": "+b"}]
    edits = [(revision, "why", lines), (revision | {"number": 1, "by": "bob"}, "", [])]
    moment = {"kind": "edit", "title": "Edited", "at": AGO, "who": "bob", "text": "x"}
    traces = [("t-1", "https://traces/t-1"), ("t-2", "")]
    letter = row(
        **{"request_id": "r-1", "group_id": 5, "group": {"waiting": 3}, "place": ""},
        **{"correlation_id": "k-1", "release": "", "sent_at": AGO},
        **{"first_failed_at": AGO, "last_failed_at": NOW, "expires_at": NOW},
    )
    full: dict[str, Any] = {
        **{"letter": letter, "here": "/here/", "place": {"kept": "?list=x"}},
        **{"warnings": ["One.", "Two."], "cut": True, "body": "{<}", "archives": True},
        **{"attempts": [(attempt, LONG, trace), (attempt, "x", {})], "unreported": 1},
        **{"edits": edits, "left_out": {"revisions": 1, "arrivals": 2}},
        **{
            "arrivals": arrivals,
            "reference": "ORD-1",
            "asked": {"items": [], "title": "Order"},
        },
        **{"outside": {"traces": traces, "logs": "https://logs/"}, "masked": True},
        **{"timeline": [moment, {"kind": "x", "title": "Y", "at": NOW}]},
        **{"may_reveal": True, "current": {"number": 2}},
    }
    other = row(**{**vars(letter), "order_id": "ORD-1", "correlation_id": ""})
    fewer = {"letter": other, "left_out": {"revisions": 2, "arrivals": 1}}
    fewer |= {"unreported": 0, "attempts": [], "outside": {}, "may_reveal": False}
    plain = {"masked": False, "unreported": 2, "archives": False, "edits": []}
    beside = row(**{**vars(letter), "state": "resolved", "type": "", "redrives": 2})
    older, newer = row(8, name="ORD-8"), row(9, name="ORD-9")
    place = {"kept": "?list=x", "query": "x=1&y", "words": "2 of 3"}
    places = {"older": older, "newer": newer}
    head = {"letter": beside, "here": "/here/", "error_text": "<x>"}
    way = "breadcrumbs"
    return {
        "letter": (page, block, full),
        "letter, another": (page, block, full | fewer),
        "letter, plain": (page, block, full | plain),
        "letter, that waits to be sent": (
            page,
            "extrahead",
            {**head, "letter": row(state="claimed"), "place": place},
        ),
        "letter, that was sent": (page, "extrahead", head),
        "letter, its head": (page, "content_title", head | {"place": place}),
        "letter, between two": (page, way, head | {"place": place | places}),
        "letter, the newest": (page, way, head | {"place": {"older": older}}),
        "letter, the oldest": (page, way, head | {"place": {"newer": newer}}),
    }


def _steps() -> dict[str, Part]:
    """The steps of a letter, and what a rehearsal tells."""
    letter = row(revision=3, redrives=5, limit_reached=True, name="ORD-7")
    place = {"place": {"kept": "?list=x"}}
    redrive = "dlq_review/_redrive.html"
    trace = {"frames": [], "error": "ValueError"}
    bad = {"letter": letter, "error": "<No>", "trace": trace, "results": ["a", "b"]}
    noted = {"letter": letter, "note": "Nothing to do."}
    good = {"letter": letter, "results": ["a"]}
    folds = [
        {"heading": "A", "said": LONG, "sample": bad, "rehearsals": [bad, noted]},
        {"heading": "B", "said": LONG, "sample": bad, "rehearsals": [bad]},
        {"heading": "C", "said": "x", "sample": noted, "rehearsals": [noted]},
    ]
    change = {"path": "/a", "before": "1", "after": "2"}
    changes = [change, change | {"before": ""}, change | {"after": ""}]
    example = {"like": 1, "sample": 50, "changes": changes}
    page = "dlq_review/_example.html"
    plain = row(revision=4)
    targets = {"targets": ["a", "b"]}
    return {
        "redrive, at the limit": (redrive, "", {"letter": letter} | place),
        "redrive, to others": (redrive, "", {"letter": plain} | place | targets),
        "redrive, both": (redrive, "", {"letter": letter} | place | targets),
        "rehearsals": (
            "dlq_review/_rehearsals.html",
            "",
            {"rehearsals": [bad, noted, good]},
        ),
        "folds": ("dlq_review/_rehearsal_folds.html", "", {"folds": folds}),
        "example": (page, "", {"letter": letter, "example": example}),
        "example, all": (
            page,
            "",
            {"letter": letter, "example": example | {"like": 2, "is_all": True}},
        ),
    }


def parts_of_pages() -> dict[str, Part]:
    return {**_asked(), **_letter(), **_steps(), **parts_of_operations()} | (
        parts_of_edits()
    )
