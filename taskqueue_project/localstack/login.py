"""The local developer: the account that the embedded stack makes, and the password it keeps beside its data."""

import secrets
from pathlib import Path

from taskqueue_project.localstack import private

USERNAME = "developer"


def read_password(data_dir: Path) -> str | None:
    return private.read(data_dir / "developer_password")


def ensure_account(data_dir: Path) -> None:
    """Needs Django and a migrated database. An account whose password is kept is left as it is."""
    from django.contrib.auth.models import User

    known = read_password(data_dir)
    password = known or private.keep(data_dir / "developer_password", make=lambda: secrets.token_urlsafe(9))
    user = User.objects.filter(username=USERNAME).first()
    if user is None:
        User.objects.create_superuser(username=USERNAME, password=password)
    elif known is None:
        user.set_password(password)
        user.save(update_fields=["password"])
