"""`manage.py create_api_token USER`: a new API token, shown this once; or the end of one."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management.base import CommandParser
from django.utils import timezone

from jobs.control import tokens
from jobs.domain.errors import TallyError
from jobs.management import people
from jobs.management.base import TallyCommand
from jobs.management.output import BadUsage, Found


class Command(TallyCommand):
    help = "Make an API token for a user. The token is printed alone on the last line and kept nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="whose token it is: it may do at most what this user may")
        parser.add_argument("--name", default="", help="what it is used for")
        parser.add_argument(
            "--permission",
            action="append",
            default=[],
            dest="permissions",
            metavar="PERMISSION",
            help="only this of the user's permissions, as in jobs.submit_job; may be given several times",
        )
        parser.add_argument("--expires-in-days", type=float, metavar="DAYS", help="without it: never")
        parser.add_argument("--revoke", metavar="START", help="instead, end the token that begins like this")
        parser.add_argument("--reason", default="", help="why; kept in the audit")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise Found(f"There is no user {options['user']}. `manage.py createsuperuser` or the admin makes one.")
        if options["revoke"]:
            self._revoke(options)
            return
        issued = tokens.issue(
            user,
            actor=people.operator(),
            name=options["name"],
            permissions=_known(options["permissions"]),
            expires_at=_expiry(options["expires_in_days"]),
            reason=options["reason"],
        )
        self.stdout.write(f"Token of {options['user']}, shown only now. Send it as `Authorization: Token …`.")
        self.stdout.write(issued.secret)

    def _revoke(self, options: dict[str, Any]) -> None:
        try:
            tokens.revoke(options["revoke"], actor=people.operator(), reason=options["reason"])
        except TallyError as error:
            raise Found(str(error)) from None
        self.stdout.write("Revoked.")


def _known(names: list[str]) -> list[str]:
    found = Permission.objects.values_list("content_type__app_label", "codename")
    unknown = sorted(set(names) - {f"{app}.{codename}" for app, codename in found})
    if unknown:
        raise BadUsage(f"No such permission: {', '.join(unknown)}. They look like jobs.submit_job.")
    return names


def _expiry(days: float | None) -> Any:
    if days is None:
        return None
    if not 0 < days <= 36_500:
        raise BadUsage("--expires-in-days takes a number of days from now, up to 36500.")
    return timezone.now() + timedelta(days=days)
