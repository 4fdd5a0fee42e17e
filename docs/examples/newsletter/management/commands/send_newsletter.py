"""Enqueues an issue and prints its id, and the state of an earlier one: `manage.py send_newsletter [--look ID]`."""

from django.core.management.base import BaseCommand

from newsletter.tasks import send_issue, send_letter

READERS = ["ann@example.com", "moody@example.com", "nobody"]


class Command(BaseCommand):
    help = "Send issue 1 to three readers, one of whom has no address; or look at an issue by its id."

    def add_arguments(self, parser):
        parser.add_argument("--look", metavar="ID")

    def handle(self, *args, look=None, **options):
        if look is None:
            self.stdout.write(send_issue.enqueue(1, readers=READERS).id)
            return
        issue = send_issue.get_result(look)
        self.stdout.write(f"issue {issue.status}")
        for id_ in issue.return_value if issue.is_finished else []:
            letter = send_letter.get_result(id_)
            reasons = ", ".join(error.exception_class.__name__ for error in letter.errors)
            self.stdout.write(f"{letter.args[1]} {letter.status} after {letter.attempts} attempt(s) {reasons}".rstrip())
