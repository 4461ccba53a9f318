from typing import cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST_COUNTED = 10_000


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows and says so; counting a million takes seconds."""

    @cached_property
    def count(self) -> int:
        rows = cast(QuerySet, self.object_list).order_by()
        return rows[:MOST_COUNTED].count()

    @property
    def capped(self) -> bool:
        return self.count >= MOST_COUNTED
