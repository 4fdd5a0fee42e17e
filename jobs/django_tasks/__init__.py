"""A backend for Django's own Tasks framework: `@task` functions become jobs, with all that jobs have.

    TASKS = {"default": {"BACKEND": "jobs.django_tasks.TallyBackend"}}

`framework` is the one module that knows both forms of the framework, `functions` makes a function known to workers,
`running` runs it, `results` reads its result from the rows, `choices` holds what OPTIONS and `options` may say.
"""

from jobs.django_tasks.backend import TallyBackend
from jobs.django_tasks.choices import options

__all__ = ["TallyBackend", "options"]
