"""The three roles and what each may do: Viewer looks, Operator acts, Admin also purges and makes users and tokens."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db import transaction

VIEWER = frozenset({"jobs.view_job"})
OPERATOR = VIEWER | {
    "jobs.view_payload",
    "jobs.view_action",
    "jobs.submit_job",
    "jobs.cancel_job",
    "jobs.pause_queue",
    "dlq.requeue_deadletter",
    "dlq.discard_deadletter",
    "dlq.triage_group",
}
_EVERYTHING = ("add", "change", "delete", "view")
ADMIN = OPERATOR | {
    "jobs.purge_queue",
    *(f"auth.{verb}_{model}" for verb in _EVERYTHING for model in ("user", "group")),
    *(f"jobs.{verb}_apitoken" for verb in _EVERYTHING),
}
ROLES = {"Viewer": VIEWER, "Operator": OPERATOR, "Admin": ADMIN}


@dataclass(frozen=True, slots=True)
class SetUp:
    role: str
    permissions: int
    missing: tuple[str, ...]


def set_up() -> list[SetUp]:
    """Make the groups, or give them exactly these permissions again. Users stay in them."""
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    with transaction.atomic():
        return [_set_up_one(role, names, known) for role, names in ROLES.items()]


def _set_up_one(role: str, names: frozenset[str], known: dict[str, Permission]) -> SetUp:
    group, _ = Group.objects.get_or_create(name=role)
    found = [known[name] for name in sorted(names) if name in known]
    group.permissions.set(found)
    return SetUp(role, len(found), missing=tuple(sorted(names - known.keys())))
