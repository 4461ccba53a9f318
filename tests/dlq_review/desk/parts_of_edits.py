"""Parts of the forms that edit one letter, many, or a group, in rare states."""

from typing import Any

from tests.dlq_review.desk.letters_and_groups import NOW
from tests.dlq_review.desk.parts_of_lists import AGO, LONG, Part, failed, row


def _inputs() -> dict[str, Part]:
    page = "dlq_review/edit/_input.html"
    base = {"element": "id_x", "label": "X", "pointer": "/x", "shown": "<v>"}
    chosen = {"choices": ["EUR", "USD"]}
    kinds: dict[str, dict[str, Any]] = {
        "": {"required": True},
        "optional": {},
        "long": {"is_long": True, "required": True},
        "whole": {"is_whole": True},
        "amount": {"is_amount": True},
        "choice": chosen | {"required": True},
        "optional choice": chosen,
    }
    states: dict[str, dict[str, Any]] = {
        "": {"present": True},
        "absent": {},
        "locked": {"present": True, "locked": True},
        "with a problem": {"present": True, "problem": "No."},
        "with a note": {"present": True, "note": "Guessed."},
    }
    pairs = [(kind, "") for kind in kinds] + [("", state) for state in states]
    pairs += [("optional", "locked"), ("choice", "absent")]
    inputs = {
        " ".join(filter(None, ("input", *pair))): (
            page,
            "",
            {"one": {**base, "kind": kinds[pair[0]], **states[pair[1]]}},
        )
        for pair in pairs
    }
    strange = {**base, "strange": "euros", "present": True, "shown": "euros"}
    usd = {**base, "shown": "USD", "present": True}
    return {
        **inputs,
        "input, strange": (
            page,
            "",
            {
                "one": {**strange, "kind": kinds["choice"], "problem": "No."},
                "focus": "/x",
            },
        ),
        "input, strange and optional": (page, "", {"one": {**strange, "kind": chosen}}),
        "input, chosen": (page, "", {"one": {**usd, "kind": kinds["choice"]}}),
    }


def _letter() -> dict[str, Part]:
    folder = "dlq_review/edit/"
    problem = {"field": "data.x", "message": "<Bad>"}
    refused = [
        {"problem": problem, "element": "id_x", "line": 3},
        {"problem": problem},
        {"problem": {"message": "All of it."}},
    ]
    letter = failed(5, attempts=1, release="", place="x.py:1")
    reason = {"errors": ["Too long.", "Empty."], "label": "Reason"}
    bound = {"is_bound": True, "reason": reason, "body": {"errors": ["a", "b"]}}
    extra = {"pointer": "/y", "name": "y", "shown": "<1>"}
    section = {
        **{"element": "id_s", "title": "Items", "problem": "Empty.", "note": "List."},
        **{"extras": [extra, extra | {"removable": True}], "pointer": "/items"},
        **{
            "grows": True,
            "removable": True,
            "sections": [{"title": "Inner"}, {"title": "Next"}],
        },
    }
    lines = [{"number": 1, "text": "{"}, {"number": 2, "text": "x", "problem": "No."}]
    draft = {"carried": "[]", "masked": True, "base": {"number": 3}, "typed": "{<"}
    change = {"path": "/a", "before": "1", "after": "2", "says": "x", "key": "k"}
    bare = {"says": "y", "key": "m"}
    form, text = f"{folder}_form.html", f"{folder}_text.html"
    problems, failure = f"{folder}_problems.html", f"{folder}_failure.html"
    marks: dict[str, dict[str, Any]] = {
        "marked": {"marked": refused, "form": {}},
        "sent": {"marked": refused, "form": bound},
        "sent, only the form": {"form": bound | {"errors": True}},
        "sent, without an error": {"form": {"is_bound": True}},
        "none": {"form": {}},
    }
    page = "dlq_review/edit.html"
    whole: dict[str, Any] = {
        "letter": row(state="open", request_id="r-1", type="order_created")
    }
    whole |= {"editable": True, "draft": draft, "kept": "?list=x", "focus": "reason"}
    typed = {"reason": {"errors": "<No>", "value": "w", "label": "Reason"}}
    two = {"types": ["a", "b"], "quarantined": True}
    return {
        "last failure": (failure, "", {"letter": letter, "refused": refused}),
        "last failure, of two": (failure, "", {"letter": failed(6, release="r7")}),
        "section of two fields": (
            f"{folder}_section.html",
            "",
            {"section": {"title": "Two", "inputs": [{"label": "A"}, {"label": "B"}]}},
        ),
        "section": (f"{folder}_section.html", "", {"section": section}),
        "form, masked": (
            form,
            "",
            {"draft": draft, "lines": lines, "sections": [{"title": "A"}, section]},
        ),
        "form, too long": (form, "", {"draft": draft | {"masked": False}}),
        "suggestions": (
            f"{folder}_suggestions.html",
            "",
            {"suggestions": [change, bare]},
        ),
        "one suggestion": (f"{folder}_suggestions.html", "", {"suggestions": [bare]}),
        **{f"problems, {name}": (problems, "", one) for name, one in marks.items()},
        "text": (text, "", {"draft": draft, "lines": lines, "no_form": "No Event"}),
        "text of six lines": (
            text,
            "",
            {"draft": draft, "lines": lines * 3, "focus": "body", "marked": refused},
        ),
        "text of seven lines": (
            text,
            "",
            {
                **{"draft": draft, "lines": (lines * 4)[:7], "form_possible": True},
                "form": {"body": {"errors": "<No>"}},
            },
        ),
        "text without lines": (text, "", {"draft": draft}),
        "edit, masked": (page, "content", whole | {"no_form": "It is no event"}),
        "edit, of an example": (
            page,
            "content",
            whole | two | {"draft": draft | {"masked": False}, "form": typed},
        ),
        "edit, of a masked form": (
            page,
            "content",
            whole | two | {"sections": [section], "may_redrive": True, "changed": True},
        ),
    }


def _many() -> dict[str, Part]:
    page, block = "dlq_review/edit_many.html", "content"
    place: dict[str, Any] = {
        **{"pointer": "/data/items/*/x", "message": "<No>", "letters": 3, "hidden": 1},
        "computed": ["/data/total", "/data/items/*/x"],
    }
    values = [
        {"json": '"a"', "text": "a", "letters": 2, "typed": "b", "removed": True},
        {"json": '""', "text": "", "letters": 1},
        {"json": "missing", "text": "", "letters": 4, "typed": "EUR"},
    ]
    other = {"pointer": "/data/y", "letters": 1}
    full: dict[str, Any] = {
        **{"place": place, "values": values, "others": 2, "sample": 500, "more": True},
        **{"chosen": {"group": "5", "queue": "orders"}, "compute": ["/data/total"]},
        **{"places": [(place, "?a&b"), (other, "?c")], "repair": True, "reason": "<w>"},
        **{"as_json": "/new/?x&y", "searched": {"text": "<x>", "notes": ["1.", "2."]}},
    }
    choices = {"place": place | {"choices": ["EUR", "USD"], "hidden": 2}}
    fewer = {"others": 0, "more": False, "repair": False, "places": [(place, "?a")]}
    searched = {"searched": {"text": "x", "found": 3}}
    plain = {"place": {"pointer": "/data/y", "letters": 1}, "values": []}
    return {
        "many": (page, block, full),
        "many, to choose": (page, block, full | choices | fewer | searched),
        "many, hidden": (page, block, full | fewer | plain | {"searched": None}),
        "many, its title": (page, "title", {"not_made": True}),
        "many, its title at first": (page, "title", {}),
        "many, refused": (page, block, {"refused": True, "as_json": "/new/?x&y"}),
        "many, no place": (page, block, {"as_json": "/new/?x&y"}),
    }


def _groups() -> dict[str, Part]:
    page = "dlq_review/group.html"
    group = row(
        **{"title": LONG, "error_type": "AError", "queue": "orders", "type": ""},
        **{"waiting": 1, "note": LONG, "place": "x.py:1", "first_seen": AGO},
        last_seen=NOW,
    )
    member = row(8, title=LONG, place="y.py:2", seen=4)
    other = row(9, title=LONG, error_type="BError")
    entry = {"actor": "bob", "get_verb_display": "noted", "at": AGO, "reason": LONG}
    full: dict[str, Any] = {
        **{"about": {"group": group}, "kept": "?list=x", "seen": 3, "typed": "<t>"},
        **{"members": [member, row(10, title="B")], "others": [other, other]},
        **{"letters": [failed(5, name="ORD-5"), failed(6, name="ORD-6")]},
        **{"trail": [entry, entry | {"after": "x", "reason": ""}], "by_text": True},
        "may_edit": True,
    }
    empty = row(**{**vars(group), "note": "", "waiting": 2})
    merged = {"merged_into_id": 4, "merged_into": row(4, name="Into")}
    gone = row(**{**vars(group), "waiting": 0, **merged})
    back = row(**{**vars(group), "owner": "eve", "state": "regressed"})
    resolved = row(**{**vars(group), "owner": "eve", "state": "resolved"})
    mine = {"user": {"get_username": "eve"}, "kept": "?list=x", "seen": 3}
    head = {"verdict": {"sentence": "<Wait>", "order": []}, "title": LONG}
    states = {
        "with one": full,
        "with two": {"about": {"group": empty}, "may_edit": True, "discarded": 4},
        "merged": {"about": {"group": gone}, "discarded": 4, "may_discard": True},
        "that came back": {"about": {"group": back}, "may_schedule": True},
        "that was resolved": {
            **{"about": {"group": resolved}, "may_operate": True, "discarded": 4},
        },
        "discarded": {
            **{"about": {"group": resolved}, "discarded": 4, "may_discard": True},
            **{"may_operate": True, "may_rehearse": True},
        },
    }
    return {
        "page of a group": (page, "content", full),
        "page of a group, its note": (page, "content", full | {"typed": None}),
        "page of a group, merged": (page, "content", full | states["merged"]),
        "page of a group, no note": (page, "content", full | states["with two"]),
        "page of a group, its way": (page, "breadcrumbs", head),
        **{
            f"head of a group {name}": (page, "content_title", head | mine | one)
            for name, one in states.items()
        },
    }


def parts_of_edits() -> dict[str, Part]:
    return {**_inputs(), **_letter(), **_many(), **_groups()}
