"""The settings: what Django's system checks and ours say of them; in production also Django's checks for deployment."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from jobs.doctor.findings import Finding, Level, examination


@examination("settings", "The settings pass every system check.")
def settings_that_do_not_fit() -> Iterator[Finding]:
    for message in checks.run_checks(include_deployment_checks=not settings.DEBUG):
        if message.is_silenced():
            continue
        is_serious = message.level >= checks.ERROR
        yield Finding(
            what=f"{message.id}: {message.msg}",
            why="A system check refuses this: processes would not start, or would lose or repeat work."
            if is_serious
            else "A system check warns of this.",
            remedy=message.hint or "Change the setting that it names.",
            level=Level.PROBLEM if is_serious else Level.NOTE,
        )
