"""The queue in Django's admin: it looks at rows and calls the verbs of `control`; it never changes a row itself.

shown      how values are drawn: states, times, JSON with its secrets redacted
paging     pages whose number costs nothing
dates      years, months and days to jump to, without a scan
looking    the read-only admin that everything here is
verbs      a verb as a choice of an actions menu, as a button, and as a page that asks for the reason
cancel     the verb that jobs offer; the apps above add theirs
job, attempt, queue, action, api_token     one model each
"""

from jobs.admin import action, api_token, attempt, job, queue

__all__ = ["action", "api_token", "attempt", "job", "queue"]
