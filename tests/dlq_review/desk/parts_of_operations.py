"""Parts of the page of an operation, a policy and a request, in rare states."""

from typing import Any

from tests.dlq_review.desk.letters_and_groups import NOW
from tests.dlq_review.desk.parts_of_lists import AGO, LONG, Part, failed, row


def _operation() -> dict[str, Part]:
    page = "dlq_review/operation.html"
    item = row(
        **{"letter": failed(5, name="ORD-5"), "letter_id": 5, "state": "skipped"},
        **{"get_state_display": "skipped", "why": ""},
    )
    said = row(**{**vars(item), "why": LONG, "letter_id": 6})
    reasons = [
        {"count": count, "why": LONG, "one": 4 + count, "by": "x"} for count in (1, 2)
    ]
    entry = {"after": "started", "actor": "", "at": AGO, "reason": "a@b.de"}
    fields = {"total": 11, "kind": "fix", "by": "bob", "cutoff": AGO, "reason": LONG}
    going: dict[str, Any] = {
        **{"operation": row(state="paused", halted="Red.", **fields), "braked": True},
        **{"counts": {"waiting": 3}, "bars": [("sent", 1, 2), ("done", 3, 4)]},
        **{"figures": [("sent", 0, "sent"), ("done", 3, "done")], "reasons": reasons},
        **{"troubled": [item, said], "may_edit_one": True},
        "results": [
            ("failed_again", 9, "failed again", [item]),
            ("fixed", 3, "edited", [item, said]),
            ("skipped", 1, "skipped", [said]),
        ],
        "trail": [entry, entry | {"actor": "bob", "reason": ""}],
    }
    some: dict[str, Any] = {"refused": {"orders": "No", "signups": "Gone"}, **fields}
    sample = (row(name="ORD-1"), [{"kind": "ins", "text": "+b"}], "")
    preview = {
        **{"looked_at": 500, "changed": 1, "invalid": 2, "impossible": 3, "gone": 5},
        **{"unchanged": 4, "other": 6, "others_listed": [("a", 2), ("b", 4)]},
        "samples": [sample, (row(name="ORD-2"), [], "Still wrong.")],
    }
    outlook = {"left_out": [(1, "late"), (2, "settled")], "looked_at": 500}
    draft: dict[str, Any] = {
        **{"operation": row(state="draft", **some), "outlook": outlook, "sends": True},
        **{"preview": preview, "first": [item, item]},
    }
    ten = {**fields, "total": 10, "kind": "redrive"}
    few = {"operation": row(state="draft", **ten), "preview": preview | {"other": 0}}
    head = {**fields, "canary": 5, "stop_at": 20, "to": "", "override_limit": True}
    runs = {"held_until": NOW, "lease_holder": "w1", "undone_by": {"all": [row(8)]}}
    running = {"operation": row(state="running", **head, **runs), "newer": 2}
    running |= {"sends": True, "rate": "50/s", "undoable": 1, "searched": "<x>"}
    whole = head | {"stop_at": 100, "canary": 0, "override_limit": False, "to": "b"}
    at_rest = {"operation": row(state="paused", **whole, **runs), "undoable": 2}
    discards = row(state="draft", **{**head, "kind": "discard"})
    return {
        "operation, paused": (page, "content", going),
        "operation, paused by its queue": (
            page,
            "content",
            going | {"braked": False, "may_edit_one": False, "trail": []},
        ),
        "operation, redriven": (
            page,
            "content",
            going | {"operation": row(state="done", **{**fields, "kind": "redrive"})},
        ),
        "operation, watched": (page, "extrahead", {"refresh": True}),
        "operation, at rest": (page, "extrahead", {}),
        "operation, running": (
            page,
            "content",
            going | {"operation": row(state="running", **some), "troubled": []},
        ),
        "operation, cancelled": (
            page,
            "content",
            {"operation": row(state="cancelled", halted="Red.", **some)},
        ),
        "operation, draft": (page, "content", draft),
        "operation, draft of ten": (page, "content", draft | few | {"outlook": {}}),
        "operation, its head": (page, "content_title", running),
        "operation, its head at rest": (
            page,
            "content_title",
            running | at_rest | {"newer": 0, "denied": "No."},
        ),
        "operation, its head as a draft": (
            page,
            "content_title",
            {"operation": discards, "denied": "No.", "idle": True, "done": "discarded"},
        ),
    }


def _others() -> dict[str, Part]:
    policy, request = "dlq_review/policy.html", "dlq_review/request.html"
    counts = {"processed": 1, "failed_again": 2, "skipped": 3}
    runs = [(row(total=1), counts), (row(8, total=2), counts | {"skipped": 0})]
    entry = {"after": "started", "actor": "", "at": AGO, "reason": "a@b.de"}
    trail = [entry, entry | {"actor": "bob", "reason": ""}]
    green = row(state="active", looked_at=AGO, green=True, said="Up.", url="x?a@b.de")
    chosen = [("queue", "orders"), ("since", "24h")]
    ids = {"order_ids": ["O-1", "O-2"], "customer_ids": ["C-1", "C-2"]}
    moment = {"kind": "done", "title": "Done", "at": AGO, "who": "w1", "text": "<x>"}
    kinds = [("Letter", "open", "/x/"), ("Outcome", "done", "")]
    hit = {"request_id": "r-2", "title": "T", "kind": "order", "at": AGO}
    story: dict[str, Any] = {"moments": [moment], "related": [hit], "rows": ids}
    logs = {"traces": [], "logs": "https://logs/"}
    traces = {"traces": [("t-1", "https://traces/t-1"), ("t-2", "")]}
    find = "dlq_review/find.html"
    found = {"requests": ["r-1"], "hits": [hit, hit | {"kind": "letter", "at": None}]}
    take = "dlq_review/group_take_over.html"
    group = row(title=LONG, owner="bob", note=LONG)
    names = ("q", "ids", "group", "discarded_by", "after")
    form = {name: {"errors": f"<{name}>"} for name in names}
    plans: dict[str, Any] = {
        "form": {**form, "non_field_errors": "<all>"},
        "group": group,
    }
    plans |= {"ids": [1], "searched": {"text": "<x>", "notes": ["1.", "2."]}}
    typed = {"told": True, "typed_word": "<w>", "kept": "?list=x", "seen": 3}
    looks = {"all_read": False, "read": 3, "would_take": 1, "more": 2}
    policies = {"runs": runs, "trail": trail, "policy": green, "outlook": looks}
    return {
        "operation, planned": ("dlq_review/operation_new.html", "content", plans),
        "policy, planned": ("dlq_review/policy_new.html", "content", plans),
        "policy": (policy, "content", policies),
        "policy, its head": (
            policy,
            "content_title",
            {
                "policy": row(
                    **{"state": "active", "times": 1, "most": 1, "stop_at": 20},
                    **{"canary": 3, "until": NOW, "reason": "a@b.de"},
                ),
                "chosen": chosen,
                "group": row(5, title=LONG),
            },
        ),
        "policy, whole": (
            policy,
            "content_title",
            {"policy": row(state="ended", stop_at=100, until=NOW), "denied": "No."},
        ),
        "request": (
            request,
            "content",
            {"story": story, "rows": kinds, "outside": logs},
        ),
        "request, traced": (
            request,
            "content",
            {
                "story": {"rows": {"customer_ids": ["C-1"], "correlation_id": "k-1"}},
                "outside": traces,
            },
        ),
        "request, of an order": (
            request,
            "content",
            {"story": {"rows": {"order_ids": ["O-1"]}}},
        ),
        "found": (
            find,
            "content",
            {"asked_for": "<x>", "found": found | {"cut": True}},
        ),
        "take over": (take, "content", {"group": group, **typed}),
        "take over, its way": (take, "breadcrumbs", {"group": group, **typed}),
    }


def parts_of_operations() -> dict[str, Part]:
    return {**_operation(), **_others()}
