"""API tokens in the admin: seen once, revoked for good."""

from django.urls import reverse

from jobs.control import tokens
from jobs.models import Action, ApiToken
from tests.integration.admin.conftest import Person, text_of


def test_a_token_is_shown_once_and_revoked(administrator: Person, operator: Person) -> None:
    url = reverse("admin:jobs_apitoken_add")
    assert operator.client.post(url, {"user": operator.user.pk, "reason": "x"}).status_code == 403
    assert "Issue" in text_of(administrator.client.get(url))
    assert "required" in text_of(administrator.client.post(url, {"user": operator.user.pk, "reason": ""}))
    given = {"user": operator.user.pk, "name": "ci", "permissions": ["jobs.view_job"], "reason": "for the build"}
    response = administrator.client.post(url, given)
    token = ApiToken.objects.get()
    assert response.context_data is not None
    secret = response.context_data["issued"].secret
    assert secret in text_of(response)
    assert tokens.recognise(secret, now=token.created_at) == token
    for page in (administrator.get("jobs_apitoken_changelist"), administrator.get("jobs_apitoken_change", token.pk)):
        assert secret not in page.content.decode()
        assert token.start in page.content.decode()
    administrator.press("jobs_apitoken", token.pk, "revoke", reason="leaked")
    assert tokens.recognise(secret, now=token.created_at) is None
    assert list(Action.objects.order_by("id").values_list("verb", "reason")) == [
        ("issue", "for the build"),
        ("revoke", "leaked"),
    ]
