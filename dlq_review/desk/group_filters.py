"""Filters by what is said of groups, for the list of groups and for the list of letters."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from dlq_review.desk.list_filters import Choices, Letters, OperationFilter
from dlq_review.groups.last_look import last_look
from dlq_review.models import DeadLetter, FailureGroup, OperationItem
from processing.models import User

Groups = QuerySet[FailureGroup]
FEW = 500  # groups whose numbers stand in a query
MOST_RELEASES = 30
#: By the value of `sort`: the words, and the order.
SORTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "": ("Last failure", ("-last_seen", "-id")),
    "count": ("Most waiting", ("-waiting", "-id")),
    "first": ("First failure, the newest", ("-first_seen", "-id")),
    "oldest": (
        "Oldest accepted",
        (F("oldest_accepted").asc(nulls_last=True), "id"),
    ),
}


def order(request: HttpRequest) -> tuple[Any, ...]:
    """The order that the request asks for."""
    _, found = SORTS.get(request.GET.get("sort", ""), SORTS[""])
    return found


class SortFilter(admin.SimpleListFilter):
    """Narrows nothing; `order` reads it."""

    title = "sorted by"
    parameter_name = "sort"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(name, words) for name, (words, _) in SORTS.items() if name]

    def choices(self, changelist: Any) -> Any:
        usual, *others = super().choices(changelist)
        return [{**usual, "display": SORTS[""][0]}, *others]

    def queryset(self, request: HttpRequest, queryset: Groups) -> Groups:
        return queryset


class GroupOwnerFilter(admin.SimpleListFilter):
    """`mine`, `nobody`, `taken`, or one person, as in `of-eva`."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        asked = request.GET.get("owner", "")
        name = asked.removeprefix("of-")
        return [
            *(("mine", "Mine"), ("nobody", "Nobody's"), ("taken", "Somebody's")),
            *([(asked, name)] if asked != name else []),
        ]

    def of_groups(self, request: HttpRequest) -> Q:
        """The condition on groups; empty without a choice."""
        chosen = self.value() or ""
        conditions = {
            "mine": Q(owner=request.user.get_username()),
            "nobody": Q(owner=""),
            "taken": Q(owner__gt=""),
        }
        if chosen in dict(self.lookup_choices):
            return conditions.get(chosen, Q(owner=chosen.removeprefix("of-")))
        return Q()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(self.of_groups(request))


class LetterOwnerFilter(GroupOwnerFilter):
    """Letters by the owner of their group."""

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        if not (condition := self.of_groups(request)):
            return queryset
        if self.value() == "nobody":  # most groups, so the others are named
            taken = _numbers(Q(owner__gt=""))
            if taken is not None:
                return queryset.exclude(group_id__in=taken)
        named = _numbers(condition)
        if named is not None:
            return queryset.filter(group_id__in=named)
        return queryset.filter(group__in=FailureGroup.objects.filter(condition))


def _numbers(condition: Q) -> list[int] | None:
    """The keys of the groups, for the planner to see; None if they are many."""
    groups = FailureGroup.objects.filter(condition).order_by()
    found = list(groups.values_list("pk", flat=True)[: FEW + 1])
    return found if len(found) <= FEW else None


class NewFilter(admin.SimpleListFilter):
    title = "new"
    parameter_name = "new"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("1", "Since I last looked")]

    def queryset(self, request: HttpRequest, queryset: Groups) -> Groups:
        if self.value() != "1":
            return queryset
        since = last_look(cast(User, request.user))
        return queryset.filter(appeared_at__gt=since) if since else queryset


class ReleaseFilter(admin.SimpleListFilter):
    """The release that failed last."""

    title = parameter_name = "release"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        newest = FailureGroup.objects.exclude(release="").order_by("-last_seen", "-pk")
        names = dict.fromkeys(newest.values_list("release", flat=True)[:FEW])
        asked = request.GET.get("release", "")
        known = [*names][:MOST_RELEASES]
        return [(name, name) for name in dict.fromkeys([*known, asked]) if name]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(release=self.value()) if self.value() else queryset


class GroupOperationFilter(OperationFilter):
    """The groups of the letters of an operation."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        number, _, result = str(self.value()).partition("-")
        items = OperationItem.objects.filter(operation=int(number))
        items = items.filter(state=result) if result else items
        return queryset.filter(pk__in=items.values("letter__group"))


class _YesNoFilter(admin.SimpleListFilter):
    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in ("yes", "no"):
            return queryset
        yes = self.condition()
        return queryset.filter(yes if self.value() == "yes" else ~yes)

    def condition(self) -> Q:
        raise NotImplementedError


class EditedFilter(_YesNoFilter):
    title = parameter_name = "edited"

    def condition(self) -> Q:
        return Q(revision__gt=0)


class RedrivenFilter(_YesNoFilter):
    title = parameter_name = "redriven"

    def condition(self) -> Q:
        return Q(redrives__gt=0)


class GroupEditedFilter(_YesNoFilter):
    """Groups in which an edited letter waits."""

    title = parameter_name = "edited"

    def condition(self) -> Q:
        edited = DeadLetter.objects.filter(
            revision__gt=0, state__in=DeadLetter.WAITING
        ).order_by()
        return Q(pk__in=edited.values("group"))


class GroupRedrivenFilter(_YesNoFilter):
    """Groups of which a letter was redriven."""

    title = parameter_name = "redriven"

    def condition(self) -> Q:
        return Q(last_redriven_at__isnull=False)
