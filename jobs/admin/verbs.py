"""A verb in the admin: a choice of the actions menu, a button of one object, and the page between that asks for the reason.

The page shows what would be touched and what not, and why; then the same verb is called that the API calls.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from jobs.admin import paging
from jobs.admin.looking import LookingAdmin, actor_of
from jobs.control.actions import REASON_MAX_CHARACTERS
from jobs.domain.actors import Actor
from jobs.domain.errors import NotAllowed, TallyError

LOOK_MAX = paging.CAP
SAMPLE = 10
REASON_MISSING = "Say why: the reason is recorded."


@dataclass(frozen=True, slots=True)
class Field:
    """What a verb asks besides the reason; `kind` is text, number or long."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    hint: str = ""


@dataclass(slots=True)
class Look:
    """Rows as the verb sees them: those it can touch, and of the others how many there are for each reason."""

    rows: list[Any]
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Ask:
    actor: Actor
    reason: str
    now: datetime
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Done:
    """`rows` are logged as changed; `operation` does it later, in the background."""

    rows: Sequence[Model]
    refused: Counter[str] = field(default_factory=Counter)
    operation: Model | None = None
    said: str = ""


class Verb(ABC):
    name: ClassVar[str]
    label: ClassVar[str]
    participle: ClassVar[str]
    permission: ClassVar[str]
    also_needs: ClassVar[str] = ""
    explanation: ClassVar[str] = ""
    for_many: ClassVar[bool] = True
    is_danger: ClassVar[bool] = False

    def may(self, actor: Actor) -> bool:
        return actor.may(self.permission) and (not self.also_needs or actor.may(self.also_needs))

    def refusal(self, row: Any) -> str:
        """Why this row can't be touched, as in "12 jobs: …"; empty when it can."""
        return ""

    def look(self, rows: Sequence[Any]) -> Look:
        seen = Look([])
        for row in rows:
            why = self.refusal(row)
            if why:
                seen.refused[why] += 1
            else:
                seen.rows.append(row)
        return seen

    def fields(self, look: Look) -> Sequence[Field]:
        return ()

    def note(self, look: Look) -> str:
        """How it will be done, when that depends on how many there are."""
        return ""

    @abstractmethod
    def act(self, look: Look, ask: Ask) -> Done: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where the page stands: what its form sends along, and where one goes afterwards."""

    rows: Sequence[Any]
    back: str
    hidden: Sequence[tuple[str, str]] = ()
    has_more: bool = False


class VerbAdmin(LookingAdmin):
    verbs: ClassVar[list[Verb]] = []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The verbs for many rows that this user may use; Django's own deletion is not among them."""
        actor = actor_of(request)
        return {v.name: (_as_action(v), v.name, v.label) for v in self.verbs if v.for_many and v.may(actor)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Who posts what was not offered is refused, not ignored."""
        for name in request.POST.getlist("action"):
            if verb := next((verb for verb in self.verbs if verb.name == name), None):
                self._require(request, verb)
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[URLPattern]:
        opts = self.opts
        view = self.admin_site.admin_view(self.verb_view)
        name = f"{opts.app_label}_{opts.model_name}_verb"
        return [path("<path:object_id>/verbs/<slug:verb>/", view, name=name), *super().get_urls()]

    def verb_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """One object: the page, and what its form posts to."""
        chosen = next((one for one in self.verbs if one.name == verb), None)
        found = self.get_object(request, object_id)
        if chosen is None or found is None:
            raise Http404(f"There is no {verb} of {self.opts.verbose_name} {object_id}.")
        back = reverse(admin_urlname(self.opts, "change"), args=[object_id])  # type: ignore[arg-type]
        return self.confirm(request, chosen, Target([found], back))

    def confirm_many(self, request: HttpRequest, verb: Verb, queryset: QuerySet[Any]) -> HttpResponse:
        ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
        is_across = request.POST.get("select_across") == "1"
        if (upto := request.POST.get("upto")) and is_across:
            queryset = queryset.filter(pk__lte=upto)
        rows = list(queryset.order_by("-pk")[: LOOK_MAX + 1])
        hidden = [("action", verb.name), ("index", "0"), ("select_across", "1" if is_across else "0")]
        hidden += [(ACTION_CHECKBOX_NAME, pk) for pk in (ids[:1] if is_across else ids)]
        if is_across and rows:
            hidden.append(("upto", str(rows[0].pk)))
        back = request.get_full_path()
        return self.confirm(request, verb, Target(rows[:LOOK_MAX], back, hidden, has_more=len(rows) > LOOK_MAX))

    def confirm(self, request: HttpRequest, verb: Verb, target: Target) -> HttpResponse:
        self._require(request, verb)
        look = verb.look(target.rows)
        is_sent = request.method == "POST" and "confirmed" in request.POST
        reason = request.POST.get("reason", "").strip()
        error = REASON_MISSING if is_sent and not reason else ""
        if is_sent and reason and look.rows:
            given = {name: value for name, value in request.POST.items() if isinstance(value, str)}
            try:
                done = verb.act(look, Ask(actor_of(request), reason, timezone.now(), given))
            except NotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from None
            except TallyError as refusal:
                error = str(refusal)
            else:
                _log(request, verb, done, reason=reason)
                _say(request, verb, done, before=look.refused)
                return HttpResponseRedirect(target.back)
        context = self._page(request, verb, look, target) | {"error": error, "reason": reason}
        return TemplateResponse(request, "admin/tally/confirm.html", context, status=400 if error else 200)

    def context_of(self, request: HttpRequest, obj: Model) -> dict[str, Any]:
        actor = actor_of(request)
        offered = [verb for verb in self.verbs if verb.may(actor) and verb.look([obj]).rows]
        route = f"admin:{self.opts.app_label}_{self.opts.model_name}_verb"
        buttons = [(verb, reverse(route, args=[obj.pk, verb.name])) for verb in offered]
        return {**super().context_of(request, obj), "buttons": buttons}

    def _require(self, request: HttpRequest, verb: Verb) -> None:
        actor = actor_of(request)
        if not verb.may(actor):
            missing = verb.permission if not actor.may(verb.permission) else verb.also_needs
            raise PermissionDenied(str(NotAllowed(missing)))

    def _page(self, request: HttpRequest, verb: Verb, look: Look, target: Target) -> dict[str, Any]:
        kept = {f.name: request.POST[f.name] for f in verb.fields(look) if f.name in request.POST}
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{verb.label}: are you sure?",
            "verb": verb,
            "look": look,
            "count": len(look.rows),
            "sample": look.rows[:SAMPLE],
            "refused": look.refused.most_common(),
            "refused_count": look.refused.total(),
            "fields": [(f, kept.get(f.name, f.value)) for f in verb.fields(look)],
            "note": verb.note(look),
            "target": target,
            "look_max": LOOK_MAX,
            "reason_max": REASON_MAX_CHARACTERS,
        }


def _as_action(verb: Verb) -> Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse]:
    def act(model_admin: VerbAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return model_admin.confirm_many(request, verb, queryset)

    return act


def _log(request: HttpRequest, verb: Verb, done: Done, *, reason: str) -> None:
    """Django's own record, for its history pages; the audit trail was written by the verb itself."""
    logged = [done.operation] if done.operation is not None else list(done.rows)
    if logged:
        LogEntry.objects.log_actions(request.user.pk, logged, CHANGE, change_message=f"{verb.label}: {reason}")  # type: ignore[arg-type]


def _say(request: HttpRequest, verb: Verb, done: Done, *, before: Counter[str]) -> None:
    refused = before + done.refused
    said = done.said or f"{len(done.rows)} {verb.participle}."
    if refused:
        said += f" {refused.total()} left alone: " + "; ".join(f"{n} {why}" for why, n in refused.most_common(3)) + "."
    level = messages.WARNING if refused else messages.SUCCESS
    if done.operation is None:
        messages.add_message(request, level, said)
        return
    opts = done.operation._meta
    url = reverse(admin_urlname(opts, "change"), args=[done.operation.pk])  # type: ignore[arg-type]
    messages.add_message(request, level, format_html('{} <a href="{}">Watch the operation</a>', said, url))
