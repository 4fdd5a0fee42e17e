"""Run as a process of its own before the parts start: brings the schema up to date and makes the developer's account."""

import os

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    from taskqueue_project import env
    from taskqueue_project.localstack import login

    call_command("migrate", interactive=False, verbosity=1)
    login.ensure_account(env.load(os.environ).data_dir)


if __name__ == "__main__":
    main()
