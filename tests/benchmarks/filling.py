"""Fills the tables with jobs that ended long ago: `python -m tests.benchmarks.filling ROWS`."""

import sys


def main() -> None:
    import django

    django.setup()
    from django.db import connection

    from tests.support import multitude

    multitude.make_jobs(int(sys.argv[1]))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_job WHERE finished_at IS NULL")
    multitude.make_attempts()
    multitude.settle()


if __name__ == "__main__":
    main()
