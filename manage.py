#!/usr/bin/env python
"""Django's command line. A setting that is missing ends it with one line and exit code 2."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taskqueue_project.settings")
    try:
        if sys.argv[1:2] == ["up"]:
            # Before any settings are read: the stack is what provides them.
            from taskqueue_project.management.commands.up import Command

            return Command().run(sys.argv)
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
