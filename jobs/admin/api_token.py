"""API tokens: issued and shown once, revoked for good. Rows are neither edited nor deleted: they tell who could do what."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from jobs.admin import shown
from jobs.admin.looking import actor_of
from jobs.admin.verbs import Ask, Done, Look, Verb, VerbAdmin
from jobs.control import roles, tokens
from jobs.control.actions import REASON_MAX_CHARACTERS
from jobs.models import ApiToken


class IssueForm(forms.Form):
    user = forms.ModelChoiceField(
        queryset=get_user_model()._default_manager.none(),
        help_text="Whose token it is: it may do at most what this user may.",
    )
    name = forms.CharField(max_length=100, required=False, help_text="What it is used for.")
    permissions = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="At most these; none ticked: all of the user’s."
    )
    expires_at = forms.DateTimeField(required=False, help_text="UTC, as in 2027-01-31 12:00. Empty: never.")
    reason = forms.CharField(max_length=REASON_MAX_CHARACTERS, help_text="Why; it is kept in the audit trail.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["user"].queryset = get_user_model().objects.filter(is_active=True).order_by("username")  # type: ignore[attr-defined]
        self.fields["permissions"].choices = _choices()  # type: ignore[attr-defined]

    def clean_expires_at(self) -> Any:
        at = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now():
            raise forms.ValidationError("Give a time that is still to come.")
        return at


class Revoke(Verb):
    name = "revoke"
    label = "Revoke"
    participle = "revoked"
    permission = "jobs.change_apitoken"
    explanation = "Whoever uses the token gets 401 from now on. There is no way back."
    for_many = False
    is_danger = True

    def refusal(self, row: ApiToken) -> str:
        return "revoked already" if row.revoked_at else ""

    def act(self, look: Look, ask: Ask) -> Done:
        tokens.revoke(look.rows[0].start, actor=ask.actor, reason=ask.reason, now=ask.now)
        return Done(look.rows)


@admin.register(ApiToken)
class ApiTokenAdmin(VerbAdmin):
    verbs = [Revoke()]
    view_needs = "jobs.view_apitoken"
    list_display = ("start_", "user", "name", "created", "expires", "last_used", "revoked")
    list_select_related = ("user",)
    search_fields = ("start", "user__username", "name")
    fieldsets = (
        (None, {"fields": ("start_", "user", "name", "permissions_")}),
        ("Times", {"fields": ("created", "expires", "last_used", "revoked")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).may("jobs.add_apitoken")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = IssueForm(request.POST if request.method == "POST" else None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "title": "Issue an API token",
        }
        if request.method == "POST" and form.is_valid():
            given = dict(form.cleaned_data)
            issued = tokens.issue(given.pop("user"), actor=actor_of(request), **given)
            LogEntry.objects.log_actions(request.user.pk, [issued.token], ADDITION, change_message=given["reason"])  # type: ignore[arg-type]
            context |= {"issued": issued, "url": shown.address(ApiToken, issued.token.pk)}
        return TemplateResponse(request, "admin/tally/issue_token.html", context)

    @admin.display(description="token")
    def start_(self, token: ApiToken) -> str:
        return f"{token.start}…"

    @admin.display(description="permissions")
    def permissions_(self, token: ApiToken) -> str:
        return ", ".join(token.permissions) or "all of its user’s"

    @admin.display(description="created")
    def created(self, token: ApiToken) -> Any:
        return shown.moment(token.created_at)

    @admin.display(description="expires")
    def expires(self, token: ApiToken) -> Any:
        return shown.moment(token.expires_at)

    @admin.display(description="last used")
    def last_used(self, token: ApiToken) -> Any:
        return shown.moment(token.last_used_at)

    @admin.display(description="revoked")
    def revoked(self, token: ApiToken) -> Any:
        return shown.moment(token.revoked_at)


def _choices() -> list[tuple[str, str]]:
    """What the roles are made of, users and tokens apart."""
    names = sorted(name for name in roles.ADMIN if name.startswith(("jobs.", "dlq.")) and "apitoken" not in name)
    return [(name, name) for name in names]
