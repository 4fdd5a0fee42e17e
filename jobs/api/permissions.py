"""The first look at permissions, before a body is read. The verbs and queries look again: theirs is the rule."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from jobs.api.actors import actor_of


class HasWhatTheViewNeeds(BasePermission):
    """401 for nobody; 403 naming the permission for somebody who lacks what the view `needs`; "" needs a login only."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        needed: str = getattr(view, "needs", "jobs.view_job")
        if needed and request.method and hasattr(view, request.method.lower()):
            actor_of(request).require(needed)
        return True
