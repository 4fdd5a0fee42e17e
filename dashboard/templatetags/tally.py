"""Numbers, times and states as people read them; icons as inline SVG."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from jobs import conf
from jobs.domain import redaction

register = template.Library()

COUNT_CAP = 10_000
# States that share an icon with another one.
_ICON_OF = {
    "failed": "dead",
    "timed_out": "expired",
    "lost": "unplugged",
    "absent": "unplugged",
    "interrupted": "pause",
    "paused": "pause",
    "open": "letter",
    "requeued": "retrying",
    "discarded": "bin",
    "new": "alarm",
    "regressed": "alarm",
    "acknowledged": "eye",
    "resolved": "succeeded",
    "finished": "succeeded",
    "alive": "succeeded",
    "quiet": "muted",
    "active": "play",
    "planned": "scheduled",
    "pending": "scheduled",
    "canary": "eye",
    "stopped": "dead",
    "unknown": "about",
}
_STEPS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
_FOREIGN_FRAME = re.compile(
    r'^  File "[^"]*(?:site-packages|dist-packages|lib/python\d|<frozen|/jobs/execution/)[^"]*"'
)


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-{}"></use></svg>', name)


@register.simple_tag
def state(name: str) -> SafeString:
    """An icon and a word: never the colour alone."""
    return format_html(
        '<span class="state" data-state="{}">{}{}</span>', name, icon(_ICON_OF.get(name, name)), name.replace("_", " ")
    )


@register.simple_tag
def when(moment: datetime | None, how: str = "ago") -> SafeString:
    """`ago` is kept current by a script, `at` is the clock; both are exact in the title."""
    if moment is None:
        return mark_safe('<span class="none">–</span>')
    exact = moment.astimezone(UTC)
    shown = ago(exact) if how == "ago" else exact.strftime("%d %b %H:%M:%S")
    return format_html(
        '<time datetime="{}" data-when="{}" title="{} UTC">{}</time>',
        exact.isoformat(),
        how,
        exact.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        shown,
    )


def ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    return f"in {_rounded(-seconds)}" if seconds < -0.5 else f"{_rounded(max(0.0, seconds))} ago"


@register.filter
def duration(seconds: float | str | None) -> str:
    """0.34 → 340 ms, 4.2 → 4.2 s, 95 → 1 min 35 s; what a template did not find is a dash."""
    if not isinstance(seconds, int | float):
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit, smaller, smaller_unit in _STEPS:
        if seconds >= size:
            rest = int(seconds % size // smaller)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{seconds:.0f} s"


@register.filter
def age(seconds: float | None) -> str:
    return "–" if seconds is None else _rounded(seconds)


@register.filter
def count(number: float | None) -> str:
    """With a thin space between thousands."""
    return "–" if number is None else f"{number:,.0f}".replace(",", "\u2009")


@register.filter
def capped(number: int | None) -> str:
    return f"{count(COUNT_CAP)}+" if number is not None and number > COUNT_CAP else count(number)


@register.filter
def rate(number: float | None) -> str:
    if number is None:
        return "–"
    return count(number) if number >= 10 else f"{number:.1f}"


@register.filter
def percent(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:.0f}\u2009%" if number >= 10 or number == 0 else f"{number:.1f}\u2009%"


@register.simple_tag
def shown(value: float | None, form: str) -> str:
    return {"count": count, "age": age, "rate": rate, "percent": percent}[form](value)


@register.filter
def short(job_id: Any) -> str:
    text = str(job_id)
    return f"{text[:8]}…{text[-4:]}"


@register.filter
def kind(error_type: str) -> str:
    return error_type.rsplit(".", 1)[-1]


@register.filter
def times(number: float | None, factor: float) -> float:
    return (number or 0.0) * factor


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key)


@register.filter
def pretty(value: Any) -> str:
    """JSON to read: secrets redacted, numbers exact, letters as they are."""
    hidden = redaction.redact(value, pattern=conf.current().SECRET_KEYS)
    return json.dumps(hidden, indent=2, ensure_ascii=False, default=str)


@register.filter
def brief(value: Any, length: int = 120) -> str:
    hidden = redaction.redact(value, pattern=conf.current().SECRET_KEYS)
    text = json.dumps(hidden, ensure_ascii=False, default=str)
    return text if len(text) <= length else f"{text[:length]}…"


@register.filter
def app_frames(traceback: str) -> str:
    """The traceback without the frames of libraries, of the interpreter and of the queue's own runner."""
    kept, is_foreign = [], False
    for line in traceback.splitlines():
        if line.startswith('  File "'):
            is_foreign = bool(_FOREIGN_FRAME.match(line))
        elif not line.startswith("    "):
            is_foreign = False
        if not is_foreign:
            kept.append(line)
    return "\n".join(kept)


@register.simple_tag
def jobs_url(*words: str, name: str = "jobs") -> str:
    """The list of jobs that a search makes up: `{% jobs_url "state:dead" "queue:" queue.name %}`."""
    text = re.sub(r":\s+", ":", " ".join(word for word in words if word))
    return f"{reverse(f'dashboard:{name}')}?{urlencode({'q': text})}" if text else reverse(f"dashboard:{name}")


@register.simple_tag
def letters_url(**wanted: Any) -> str:
    """The list of dead letters that a number counts: `{% letters_url fingerprint=group.fingerprint since=since %}`."""
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"{_address('dashboard:letters', get_script_prefix())}?{query}"


@cache
def _address(name: str, _prefix: str) -> str:
    return reverse(name)  # Django finds it anew each time, and a page of groups asks three hundred times


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: Any) -> str:
    """This page's query with something changed."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query[name] = str(value)
        if value in ("", None):
            del query[name]
    return f"?{query.urlencode()}"


def _rounded(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.filter
def total(rows: Iterable[dict[str, Any]], name: str) -> float:
    return float(sum(row[name] for row in rows))


@register.filter
def share(part: float, whole: float) -> float:
    return round(min(100.0, 100 * part / whole), 1) if whole else 0.0


@register.filter
def rest(part: float) -> float:
    """Of a hundred."""
    return round(100 - part, 1)


@register.filter
def unlocal(number: float) -> str:
    """For attributes: a point, no separators, whatever the language."""
    return f"{number:g}"


@register.filter
def spaced(name: str) -> str:
    return str(name).replace("_", " ")


@register.filter
def skew(seconds: float) -> str:
    """Of a clock; less than a tenth of a second is nothing."""
    return "in step" if abs(seconds) < 0.1 else f"{seconds:+.1f} s".replace("-", "−")


@register.filter
def host(worker: str) -> str:
    """high@machine → high: the machine is on the worker's own page."""
    return worker.partition("@")[0]


@register.filter
def signed(number: float) -> str:
    return f"{'+' if number > 0 else '−'}{count(abs(number))}" if abs(number) >= 1 else "±0"


@register.simple_tag
def change(number: float, form: str) -> str:
    """How a value moved, with its sign, written as the value is."""
    if form == "count":
        return signed(number)
    text = shown(abs(number), form)
    return "±0" if text in ("0", "0.0", "0 s", "0\u2009%", "0.0\u2009%") else f"{'+' if number > 0 else '−'}{text}"


@register.filter
def mark_time(mark: dict[str, Any]) -> SafeString:
    """When something was done that a chart marks."""
    return when(datetime.fromtimestamp(mark["at"], UTC), "at")


@register.filter
def linked(obj: str) -> SafeString | str:
    """An action's object, `kind:id`, as a link where there is a page for it."""
    what, _, name = obj.partition(":")
    pages = {"job": "job", "queue": "queue", "group": "group", "operation": "operation", "worker": "worker"}
    if what not in pages or not name:
        return obj
    try:
        return format_html('<a href="{}">{}</a>', reverse(f"dashboard:{pages[what]}", args=[name]), obj)
    except NoReverseMatch:
        return obj
