"""API tokens: issued once, recognised by their digest, revoked for good."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.errors import StateConflict
from jobs.models import ApiToken

PREFIX = "tally_"
_SHOWN_CHARACTERS = 12
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """The only moment at which the secret is known."""

    token: ApiToken
    secret: str


def issue(
    user: User,
    *,
    actor: Actor,
    name: str = "",
    permissions: Iterable[str] = (),
    expires_at: datetime | None = None,
    reason: str = "",
) -> Issued:
    actor.require("jobs.add_apitoken")
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            start=secret[:_SHOWN_CHARACTERS],
            digest=digest_of(secret),
            permissions=sorted(permissions),
            expires_at=expires_at,
        )
        after = {"user": user.get_username(), "name": name, "permissions": token.permissions}
        actions.note(actor, "issue", f"token:{token.start}", reason=reason, after=after)
    return Issued(token, secret)


def revoke(start: str, *, actor: Actor, reason: str = "", now: datetime | None = None) -> int:
    """Revoke every token that begins like this. Returns how many."""
    actor.require("jobs.change_apitoken")
    with transaction.atomic():
        revoked = ApiToken.objects.filter(start=start[:_SHOWN_CHARACTERS], revoked_at__isnull=True).update(
            revoked_at=now or timezone.now()
        )
        if not revoked:
            raise StateConflict(f"No token in force begins with {start[:_SHOWN_CHARACTERS]}.")
        actions.note(actor, "revoke", f"token:{start[:_SHOWN_CHARACTERS]}", reason=reason)
    return revoked


def recognise(secret: str, *, now: datetime) -> ApiToken | None:
    """The token in force that this is the secret of; notes its use, at most once a minute."""
    usable = ApiToken.objects.filter(digest=digest_of(secret)).select_related("user")
    token = usable.usable(now).first()
    if token is None or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at > _USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "backslashreplace")).hexdigest()
