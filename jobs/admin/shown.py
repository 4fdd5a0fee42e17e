"""How values are drawn in the admin. Nothing here asks the database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.api.shown import redacted

NONE = "–"


@dataclass(frozen=True, slots=True)
class Section:
    """A table below the fields of one object."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str


def state(word: str) -> SafeString:
    """A mark and a word: never the colour alone."""
    return format_html('<span class="state" data-state="{}">{}</span>', word, word.replace("_", " ") or "unknown")


def moment(at: datetime | None) -> SafeString | str:
    if at is None:
        return NONE
    exact = at.astimezone(UTC)
    shown = exact.strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time class="nowrap" datetime="{}" title="{} UTC">{}</time>', exact.isoformat(), exact, shown)


def seconds(length: float | None) -> str:
    if length is None:
        return NONE
    return f"{length * 1000:.0f} ms" if length < 1 else f"{length:,.1f} s"


def pretty(value: Any) -> SafeString | str:
    """JSON with what looks secret redacted."""
    if value is None or value in ({}, []):
        return NONE
    return block(json.dumps(redacted(value), indent=2, ensure_ascii=False, default=str))


def block(text: str) -> SafeString | str:
    return format_html('<pre class="block">{}</pre>', text) if text else NONE


def folded(summary: str, text: str) -> SafeString | str:
    """Long text that is opened on demand."""
    if not text:
        return summary or NONE
    return format_html('<details><summary>{}</summary><pre class="block">{}</pre></details>', summary, text)


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def address(model: type[Model], pk: object) -> str:
    return reverse(admin_urlname(model._meta, "change"), args=[pk])  # type: ignore[arg-type]


def list_address(model: type[Model]) -> str:
    return reverse(admin_urlname(model._meta, "changelist"))  # type: ignore[arg-type]


def short(uuid: object) -> SafeString:
    text = str(uuid)
    return format_html('<span class="mono" title="{}">{}…{}</span>', text, text[:13], text[-4:])
