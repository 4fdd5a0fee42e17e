"""What a person reads when everything answers."""

import os
from pathlib import Path

from taskqueue_project.localstack import login


def compose(*, url: str, data_dir: Path, seconds: float) -> str:
    return f"""
Tally is up after {seconds:.1f} s.

Open   {url}/
Admin  {url}/admin/
Docs   {url}/docs
API    {url}/api/tasks
Login  {login.USERNAME} / {login.read_password(data_dir)}
Data   {data_dir}
Stop   Ctrl-C, or kill {os.getpid()}
"""
