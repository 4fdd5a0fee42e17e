"""The project's settings plus what stories need: tasks of their own, and values a test turns by the environment.

`TALLY_TEST_TASKQUEUE` and `TALLY_TEST_SETTINGS` are JSON objects; `TALLY_TEST_IMPORTS` names more task modules.
"""

import json
import os

from taskqueue_project.settings import *  # noqa: F403  (the settings under test, all of them)
from taskqueue_project.settings import TASKQUEUE as _TASKQUEUE

TASKQUEUE = {**_TASKQUEUE, **json.loads(os.environ.get("TALLY_TEST_TASKQUEUE", "{}"))}
CELERY_IMPORTS = [
    "tests.support.sample_tasks",
    "tests.support.celery_tasks",
    *os.environ.get("TALLY_TEST_IMPORTS", "").split(),
]
globals().update(json.loads(os.environ.get("TALLY_TEST_SETTINGS", "{}")))
