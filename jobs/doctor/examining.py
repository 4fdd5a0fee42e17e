"""Every examination in its order: settings first, then the servers, then what runs on them."""

from jobs.doctor import configuration, redis_server, sql, clocks, processes  # noqa: F401, I001  (they register, in this order)
from jobs.doctor.findings import Finding, Level, Result, every, examine_all

__all__ = ["Finding", "Level", "Result", "every", "examine_all"]
