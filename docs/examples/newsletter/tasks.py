"""Sends a newsletter: one job for the issue, one for each reader, a last one that counts."""

import asyncio
from datetime import timedelta

from django.core.mail import send_mail
from django.utils import timezone

try:
    from django.tasks import task  # Django 6.0 and later
except ImportError:
    from django_tasks import task  # Django 5.2 with the django-tasks package


@task
def send_issue(number, readers):
    """Hands one letter to the queue for each reader, and asks for a count a moment later."""
    letters = [send_letter.enqueue(number, reader).id for reader in readers]
    count_letters.using(run_after=timezone.now() + timedelta(seconds=2)).enqueue(letters)
    return letters


@task(priority=10, takes_context=True)
def send_letter(context, number, reader):
    """Mail servers have bad days: whatever this raises, it is tried again."""
    if reader.startswith("moody") and context.attempt == 1:
        raise ConnectionError("421 try again later")
    if "@" not in reader:
        raise ValueError(f"{reader!r} is no address")
    return send_mail(f"Issue {number}", "Here it is.", "news@example.com", [reader])


@task(priority=-10)
async def count_letters(letters):
    """A coroutine: asks for all results at the same time."""
    results = await asyncio.gather(*(send_letter.aget_result(letter) for letter in letters))
    return {
        "sent": sum(result.is_finished and not result.errors for result in results),
        "retried": sum(bool(result.errors) for result in results),
    }
