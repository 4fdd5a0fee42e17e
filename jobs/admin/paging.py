"""Pages whose number costs nothing: rows are counted up to a cap, never to the end of a big table."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Value

CAP = 10_000

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator


class CappedPaginator(_Paginator):
    """`count` is exact up to the cap; one more means: more than that. Who wants rows beyond it narrows the list."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        ones = rows.order_by().annotate(one=Value(1)).values_list("one", flat=True)  # which an index alone can answer
        return len(ones[: CAP + 1])

    @property
    def num_pages(self) -> int:
        return max(1, -(-min(self.count, CAP) // self.per_page))

    @property
    def told(self) -> str:
        """The number as people read it."""
        return f"more than {CAP:,}" if self.count > CAP else f"{self.count:,}"
