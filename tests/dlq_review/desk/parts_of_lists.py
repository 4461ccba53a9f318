"""Parts of lists and of the overview in states that are rare, by what is on them."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.dlq_review.desk.letters_and_groups import NOW

AGO = NOW - timedelta(hours=2)
LONG = "word ‹…› of ada@example.com " + "and more " * 60
#: A template, one of its blocks if not all of it is shown, and what it is filled with.
Part = tuple[str, str, dict[str, Any]]


class Row(SimpleNamespace):
    """A row of the database, as far as a template looks at it."""

    EDITABLE, SETTLED = ("open", "quarantined"), ("resolved", "discarded")
    ENDED, EDITS = ("done", "cancelled"), ("fix", "repair")
    redriven_at = created_at = next_run_at = sent_at = last_failed_at = cutoff = None

    def __str__(self) -> str:
        return str(getattr(self, "name", f"row {self.pk}"))

    def get_state_display(self) -> str:
        return str(self.state).capitalize()


def row(pk: Any = 7, state: Any = "open", **more: Any) -> Row:
    return Row(pk=pk, state=state, **more)


def failed(pk: int, **more: Any) -> Row:
    """A letter of a list."""
    fields = {
        **{"type": "order_created", "queue": "orders", "error_type": "AError"},
        **{"error_text": LONG, "attempts": 2, "redrives": 1, "revision": 3},
        **{"last_failed_at": AGO, "expires_at": NOW + timedelta(days=2)},
        **more,
    }
    return row(pk, **fields)


def _alerts() -> dict[str, Part]:
    page = "admin/dlq_review/alertdelivery/change_list.html"

    def channel(name: str, **more: Any) -> dict[str, Any]:
        about = {"title": name.upper(), "name": name, "setting": f"{name}_X"}
        waits = {"number": 0, "next": None}
        return {"channel": about, "goes_to": "a room", "waiting": waits, **more}

    some = [
        channel("a", is_set=True, waiting={"number": 2, "next": AGO}, trouble="500"),
        channel("b", is_set=True, sent={"sent_at": AGO}),
        channel("c", waiting={"number": 1, "next": AGO}),
        channel("d"),
    ]
    lasting = [
        {"path": f"/{name}/", "sentence": f"<{name}>", "began_at": AGO}
        for name in ("one", "two")
    ]
    sent = row(
        **{"get_phase_display": "over", "sentence": LONG, "name": "growth"},
        **{"channel": "mail", "tries": 3, "created_at": AGO, "sent_at": AGO},
    )
    return {
        "channels": (
            page,
            "content_title",
            {"channels": some, "lasting": lasting, "more_last": True, "may_test": True},
        ),
        "channels that may not be tested": (
            page,
            "content_title",
            {"channels": some, "denied": "You may not."},
        ),
        "deliveries": (page, "result_list", {"cl": {"result_list": [sent, sent]}}),
        "deliveries of a filter": (
            page,
            "result_list",
            {"cl": {"has_active_filters": True}},
        ),
        "no deliveries": (page, "result_list", {"cl": {}}),
    }


def _audit() -> dict[str, Part]:
    page = "admin/dlq_review/auditentry/change_list.html"

    def entry(pk: int, **more: Any) -> Row:
        fields = {"actor": "a+b c", "get_verb_display": "Edited", "at": AGO}
        return row(pk, **{**fields, "before": "", "after": "", **more})

    about: list[dict[str, Any]] = [
        {"letter": row(11, name="ORD-1"), "letter_id": 11, "group": row(12)},
        {"group": row(12, error_type="AError"), "group_id": 12, "after": "open"},
        {"operation": row(13, name="Redrive #13"), "operation_id": 13, "before": "x"},
        {"policy": row(14, name="Policy #14"), "policy_id": 14, "actor": ""},
        {"before": "open", "after": "done"},
    ]
    entries = [entry(pk, **one) for pk, one in enumerate(about, 1)]

    def fold(*some: Row, reason: str = "", **more: Any) -> dict[str, Any]:
        rows = [{"entry": one, "reason": LONG} for one in some]
        ends = {"first": some[0], "last": some[-1], "rows": rows, "reason": reason}
        return ends | more

    folds = [fold(one, reason=LONG) for one in entries]
    later = entry(9, at=NOW, letter=row(15), letter_id=15)
    folds += [
        fold(entries[4], last=later),
        fold(later, entries[0]),
        fold(later, later, reason="Same."),
        fold(later),
    ]
    return {
        "audit": (page, "result_list", {"folds": folds}),
        "no audit": (page, "result_list", {}),
    }


def _letters() -> dict[str, Part]:
    page = "admin/dlq_review/deadletter/change_list.html"
    may = ("may_operate", "may_edit", "may_discard", "may_schedule", "may_redrive")
    rows = [
        failed(1, body_fingerprint="x"),
        failed(2, state="quarantined", redrives=2),
        failed(3, redrives=5, limit_reached=True, body_fingerprint="x", attempts=1),
        failed(4, state="resolved", type="", redrives=0, error_text=""),
        failed(5, state="discarded", purged_at=AGO),
        failed(6, error_text="short"),
        failed(7, state="discarded", redrives=5, limit_reached=True),
    ]

    def shown(*granted: str, get: Any = None, **more: Any) -> Part:
        cl: dict[str, Any] = {
            "result_list": rows,
            "asked": "a=1&b=2",
            "kept": "?list=x",
        }
        cl |= {"by_state": {"chosen": ""}, **more.pop("cl", {})}
        request = {"GET": get or {}, "get_full_path": "/here?a=1&b=2"}
        exports = (("csv", "CSV"), ("json", "JSON"))
        filled = {"cl": cl, "request": request, "exports": exports, **more}
        return page, "result_list", {**filled, **dict.fromkeys(granted, True)}

    waiting, every = (
        {"by_state": {"chosen": "waiting"}},
        {"by_state": {"chosen": "all"}},
    )
    state = {"state": "x"}
    undoable = [row(8, name="ORD-8"), row(9, name="ORD-9")]
    return {
        "letters, all granted": shown(*may, "choosable", "may_export"),
        "letters, and two to undo": shown(
            *may, undoable=undoable, cl={"notes": ["One.", "Two."]}
        ),
        "letters, and what watches two to undo": (
            page,
            "extrahead",
            {"undoable": undoable},
        ),
        "letters, and nothing to undo": (page, "extrahead", {}),
        "letters of a search": shown(*may, "choosable", cl={"query": "x"}),
        "letters of a day": shown(*may, "choosable", get={"since": "24h"}),
        "letters of an operation": shown(*may, "choosable", get={"operation": "1"}),
        "letters, all states": shown(*may, "choosable", get=state, cl=every),
        "letters of all states": shown(*may, "choosable", cl=every),
        "letters of a state that wait": shown(
            "may_operate", "choosable", get=state, cl=waiting
        ),
        "letters that may not be chosen": shown("may_operate", get={}, cl=waiting),
        "letters of who edits the form": shown("may_edit_form", denied="You may not."),
        "letters to restore": shown("restoring", "may_restore", "choosable"),
        "letters to restore, ticked": shown("restoring", "may_restore", "may_operate"),
        "letters nobody restores": shown("restoring", "choosable", denied="No."),
        "no letters of a filter": (
            page,
            "result_list",
            {"cl": {"has_active_filters": True}},
        ),
        "no letters of a search": (page, "result_list", {"cl": {"query": "x"}}),
        "no letters": (page, "result_list", {"cl": {}}),
    }


def _ends() -> dict[str, Part]:
    """What stands above and below lists."""
    names = {"verbose_name": "row", "verbose_name_plural": "rows"}

    def pages(**cl: Any) -> dict[str, Any]:
        link = {"get_query_string": lambda _=None: "?p=x"}
        paginator = SimpleNamespace(
            capped=cl.pop("capped", False), num_pages=3, ELLIPSIS="…"
        )
        numbers = {"pagination_required": True, "page_range": [1, 2, 3]}
        fields = {**link, "opts": names, "paginator": paginator, "page_num": 2, **cl}
        return {"cl": SimpleNamespace(**fields), **numbers}

    cls: dict[str, dict[str, Any]] = {
        "between": {"page": True, "newer": "?n", "older": "?o", "result_count": 9},
        "last, capped": {"page": True, "newer": "?n", "older": "", "capped": True},
        "first": {"page": True, "newer": "", "older": "?o", "result_count": 1},
        "numbers": {"page": None, "result_count": 1},
        "numbers, capped": {"page": None, "capped": True},
    }
    box = {"opts": names, "query": "<x>", "params": {"q": "x", "state": "all"}}
    fields = {"search_fields": ("a",)}
    search = "admin/search_form.html"
    choices = [
        {"display": name, "query_string": f"?x={name}&y", "selected": name == "b"}
        for name in "abc"
    ]
    groups = "admin/dlq_review/failuregroup/change_list.html"
    policies = "admin/dlq_review/redrivepolicy/change_list.html"
    return {
        **{
            f"pages, {name}": ("admin/pagination.html", "", pages(**cl))
            for name, cl in cls.items()
        },
        "search": (search, "", {"search_var": "q", "cl": box | fields}),
        "search with help": (
            search,
            "",
            {"search_var": "q", "cl": box | fields | {"search_help_text": "Ids."}},
        ),
        "no search": (search, "", {"cl": box}),
        "filter": ("admin/filter.html", "", {"title": "state", "choices": choices}),
        "no groups of a filter": (
            groups,
            "result_list",
            {"cl": {"has_active_filters": True}},
        ),
        "no groups of a search": (groups, "result_list", {"cl": {"query": "x"}}),
        "no groups": (groups, "result_list", {"cl": {}}),
        "no policies of a filter": (
            policies,
            "result_list",
            {"cl": {"has_active_filters": True}, "denied": "You may not."},
        ),
        "no policies of a search": (policies, "result_list", {"cl": {"query": "x"}}),
        "no policies": (policies, "result_list", {"cl": {}}),
    }


def parts_of_lists() -> dict[str, Part]:
    return {**_alerts(), **_audit(), **_letters(), **_ends()}
