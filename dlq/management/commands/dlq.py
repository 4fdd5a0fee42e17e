"""`manage.py dlq …`: see what died, decide about one letter, many or a whole group."""

import csv
import json
import time
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from dlq import discard, filters, operations, queries, requeue, triage
from dlq.management import finding, showing
from dlq.models import Operation, Triage, Verb
from dlq.operations import Plan
from jobs.domain.errors import NotThere, StateConflict, TallyError
from jobs.management import moments, people
from jobs.management.base import TallyCommand
from jobs.management.output import BadUsage, Found, write_json, write_table

_TRIAGE = {"acknowledge": triage.acknowledge, "resolve": triage.resolve, "reopen": triage.reopen}
_FILTERS = ("task_type", "priority", "fingerprint", "since")


class Command(TallyCommand):
    help = (
        "Dead letters: list them, singly or by group; requeue or discard one, several or all that match (which the "
        "keeper then does as an operation); triage groups."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB")
        listing = verbs.add_parser("list", help="letters, newest first (this is the default)")
        _add_filters(listing)
        listing.add_argument("--resolution", default="open", choices=["open", "requeued", "discarded", "any"])
        listing.add_argument("--limit", type=int, default=50)
        groups = verbs.add_parser("groups", help="what they died of, last seen first")
        groups.add_argument("--state", choices=Triage.values)
        groups.add_argument("--all", action="store_true", help="also groups without open letters")
        groups.add_argument("--limit", type=int, default=50)
        for verb, text in ((Verb.REQUEUE, "run dead jobs again"), (Verb.DISCARD, "close letters, leave jobs dead")):
            self._add_deciding(
                verbs.add_parser(verb.value, help=f"{text}: these ids, or all that match the filters"), verb
            )
        for name in (*_TRIAGE, "mute"):
            triaging = verbs.add_parser(name, help=f"{name} a group")
            triaging.add_argument("fingerprint", help="its start is enough")
            triaging.add_argument("--reason", default="", help="recorded with the action")
        mute = verbs.choices["mute"]
        mute.add_argument("--until", help="a date (ISO 8601), or a time from now as in 30m, 12h, 7d")
        mute.add_argument("--deaths", type=int, help="until so many more have died of it")
        verbs.add_parser("operations", help="the newest operations").add_argument("--limit", type=int, default=20)
        operation = verbs.add_parser("operation", help="one operation: how far it is; cancel it; its report")
        operation.add_argument("id")
        operation.add_argument("--cancel", action="store_true", help="leave the rest alone")
        operation.add_argument("--csv", action="store_true", help="a line for each letter")
        operation.add_argument("--wait", action="store_true", help="until it has ended; exit code 1 unless finished")
        operation.add_argument("--reason", default="")
        for choice in verbs.choices.values():
            choice.add_argument("--json", action="store_true", help="one JSON document")

    def _add_deciding(self, parser: Any, verb: Verb) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="of a dead letter or of its job; its start is enough")
        _add_filters(parser)
        parser.add_argument("--all", action="store_true", help="every open letter")
        parser.add_argument("--reason", default="", help="recorded with the action")
        parser.add_argument("--rate", type=float, metavar="N", help="letters a second")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be touched")
        parser.add_argument("--wait", action="store_true", help="until the operation has ended")
        if verb is Verb.REQUEUE:
            parser.add_argument("--payload", metavar="JSON", help="of one letter: instead of the job's own")
            parser.add_argument("--canary", type=int, default=0, metavar="N", help="N first; all only if they succeed")
            parser.add_argument(
                "--stop-above", type=float, metavar="PERCENT", help="stop when more than that die again"
            )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._answer(options)
        except (NotThere, StateConflict) as error:
            raise Found(str(error)) from None
        except TallyError as error:
            raise BadUsage(str(error)) from None

    def _answer(self, options: dict[str, Any]) -> None:
        match options["verb"]:
            case None | "list":
                self._list(options)
            case "groups":
                self._groups(options)
            case Verb.REQUEUE | Verb.DISCARD:
                self._decide(Verb(options["verb"]), options)
            case "operations":
                self._show_operations(list(Operation.objects.order_by("-id")[: options["limit"]]), options)
            case "operation":
                self._operation(options)
            case verb:
                self._triage(verb, options)

    def _list(self, options: dict[str, Any]) -> None:
        resolution = options.get("resolution", "open")
        wanted = _filter(options, resolution="" if resolution == "any" else resolution)
        found = list(queries.letters(wanted)[: options.get("limit", 50)])
        if options.get("json"):
            write_json(self, showing.letters(found))
            return
        write_table(self, showing.LETTER_COLUMNS, list(map(showing.letter_row, found)), empty="No such dead letter.")

    def _groups(self, options: dict[str, Any]) -> None:
        some = queries.groups(state=options["state"] or "", is_open=None if options["all"] else True)
        found = queries.with_counts(list(some[: options["limit"]]), now=timezone.now())
        if options["json"]:
            write_json(self, showing.groups(found))
            return
        write_table(self, showing.GROUP_COLUMNS, list(map(showing.group_row, found)), empty="No such group.")

    def _decide(self, verb: Verb, options: dict[str, Any]) -> None:
        filtered = any(options[name] for name in _FILTERS)
        if bool(options["ids"]) + bool(filtered or options["all"]) != 1:
            raise BadUsage("Which letters? Give their ids, or filters (--task, --queue, --group, --since), or --all.")
        if not options["ids"]:
            self._decide_many(verb, options)
            return
        if options["dry_run"] or options["rate"] or options.get("canary"):
            raise BadUsage("--dry-run, --rate and --canary are for filters; letters named by id are done at once.")
        payload = _payload(options)
        if payload is not None and len(options["ids"]) != 1:
            raise BadUsage("--payload is for one letter.")
        problems = [problem for text in options["ids"] if (problem := self._decide_one(verb, text, payload, options))]
        if problems:
            raise Found("\n".join(problems))

    def _decide_one(self, verb: Verb, text: str, payload: dict[str, Any] | None, options: dict[str, Any]) -> str:
        """What kept it from being done; empty when it is done."""
        by = {"actor": people.operator(), "reason": options["reason"]}
        try:
            letter = finding.letter(text)
            if verb is Verb.REQUEUE:
                letter = requeue.requeue(letter.id, payload=payload, **by)
            else:
                letter = discard.discard(letter.id, **by)
        except (Found, NotThere, StateConflict) as error:
            return str(error)
        if options["json"]:
            write_json(self, showing.letters([letter])[0])
        else:
            self.stdout.write(f"{letter.resolution}: job {letter.job_id} ({letter.task})")
        return ""

    def _decide_many(self, verb: Verb, options: dict[str, Any]) -> None:
        plan = Plan(
            verb=verb,
            wanted=_filter(options),
            reason=options["reason"],
            canary=options.get("canary", 0),
            rate_per_second=options["rate"],
            stop_above_percent=options.get("stop_above"),
        )
        if options["dry_run"]:
            self._show_preview(operations.preview(plan, actor=people.operator()), options)
            return
        operation = operations.start(plan, actor=people.operator())
        if options["wait"]:
            self._wait(operation)
        self._show_operations([operation], options)
        _complain_of(operation, waited=options["wait"])

    def _show_preview(self, seen: operations.Preview, options: dict[str, Any]) -> None:
        names = ("matched", "by_task", "by_group", "seconds_at_rate")
        if options["json"]:
            write_json(self, {name: getattr(seen, name) for name in names})
            return
        self.stdout.write(f"{seen.matched} letter(s) would be touched, in about {seen.seconds_at_rate:g} s.")
        for title, counts in (("task", seen.by_task), ("group", seen.by_group)):
            write_table(self, (title, "letters"), list(counts.items()), empty="")
        write_table(self, showing.LETTER_COLUMNS, list(map(showing.letter_row, seen.sample)), empty="")

    def _operation(self, options: dict[str, Any]) -> None:
        operation = finding.operation(options["id"])
        if options["cancel"]:
            operation = operations.cancel(operation.id, actor=people.operator(), reason=options["reason"])
        if options["wait"]:
            self._wait(operation)
        if options["csv"]:
            writer = csv.writer(self.stdout)
            writer.writerow(operations.REPORT_COLUMNS)
            writer.writerows(operations.report(operation))
        else:
            self._show_operations([operation], options)
        _complain_of(operation, waited=options["wait"])

    def _wait(self, operation: Operation) -> None:
        """As long as it takes: a person or the operation itself ends it."""
        said = (-1, "")
        while operation.is_active:
            if said != (operation.done, operation.state):
                said = (operation.done, operation.state)
                self.stderr.write(f"{operation.state}: {operation.done} of {operation.matched} done")
            time.sleep(0.5)
            operation.refresh_from_db()

    def _show_operations(self, found: list[Operation], options: dict[str, Any]) -> None:
        if options["json"]:
            shown = showing.operations(found)
            write_json(self, shown if options["verb"] == "operations" else shown[0])
            return
        rows = list(map(showing.operation_row, found))
        write_table(self, showing.OPERATION_COLUMNS, rows, empty="No operation yet.")

    def _triage(self, verb: str, options: dict[str, Any]) -> None:
        group = finding.group(options["fingerprint"])
        by = {"actor": people.operator(), "reason": options["reason"]}
        if verb == "mute":
            group = triage.mute(group.fingerprint, until=_until(options["until"]), deaths=options["deaths"], **by)
        else:
            group = _TRIAGE[verb](group.fingerprint, **by)
        if options["json"]:
            write_json(self, showing.groups(queries.with_counts([group], now=timezone.now()))[0])
        else:
            self.stdout.write(f"{group.state}: {group.title}")


def _add_filters(parser: Any) -> None:
    parser.add_argument("--task", dest="task_type", metavar="TASK")
    parser.add_argument("--queue", dest="priority", metavar="QUEUE")
    parser.add_argument("--group", dest="fingerprint", metavar="FINGERPRINT", help="its start is enough")
    parser.add_argument("--since", metavar="TIME", help="ISO 8601, or how long ago, as in 30m, 12h, 7d")


def _filter(options: dict[str, Any], *, resolution: str = "") -> filters.LetterFilter:
    given: dict[str, Any] = {name: options.get(name) for name in _FILTERS}
    if given["fingerprint"]:
        given["fingerprint"] = finding.group(given["fingerprint"]).fingerprint
    span = moments.span(given["since"])
    if span is not None:
        given["since"] = timezone.now() - span
    return filters.read({**given, "resolution": resolution})


def _payload(options: dict[str, Any]) -> dict[str, Any] | None:
    text = options.get("payload")
    if text is None:
        return None
    try:
        payload: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise BadUsage(f"--payload is no JSON: {error}") from None
    return payload


def _until(text: str | None) -> datetime | None:
    span = moments.span(text)
    return timezone.now() + span if span is not None else filters.read({"since": text}).since


def _complain_of(operation: Operation, *, waited: bool) -> None:
    if waited and (operation.state != "finished" or operation.failed):
        because = f": {operation.stopped_because}" if operation.stopped_because else ""
        raise Found(f"Operation {operation.id} is {operation.state}{because}; {operation.failed} failed.")
