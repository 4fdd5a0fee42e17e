"""`manage.py setup_roles`: the groups Viewer, Operator and Admin. Safe to run again."""

from typing import Any

from jobs.control import roles
from jobs.management.base import TallyCommand
from jobs.management.output import Found


class Command(TallyCommand):
    help = "Make the groups Viewer, Operator and Admin with their permissions, or put them right again."

    def handle(self, *_args: Any, **_options: Any) -> None:
        done = roles.set_up()
        for role in done:
            self.stdout.write(f"{role.role}: {role.permissions} permissions")
        missing = sorted({name for role in done for name in role.missing})
        if missing:
            raise Found(f"These permissions are not in the database: {', '.join(missing)}. Run `manage.py migrate`.")
        self.stdout.write("Add users to them in the admin.")
