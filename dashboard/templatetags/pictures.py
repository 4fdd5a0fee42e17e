"""Small pictures as inline SVG, without a style attribute; and the numbers of a chart as a table."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

SPARK_WIDTH, SPARK_HEIGHT = 120, 28


@register.simple_tag
def spark(values: Sequence[float | None], label: str = "") -> SafeString:
    """A line with gaps where nothing is known; the shape alone, the number stands beside it."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return mark_safe('<svg class="spark" viewBox="0 0 120 28" aria-hidden="true"></svg>')
    top = max(known) or 1.0
    step = SPARK_WIDTH / (len(values) - 1)
    height = SPARK_HEIGHT - 4
    places = [
        None if value is None else (round(n * step, 1), round(SPARK_HEIGHT - 2 - height * value / top, 1))
        for n, value in enumerate(values)
    ]
    line = _path(places)
    shape = '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}"><path d="{}"></path></svg>'
    said = f"{label or 'trend'}: from {known[0]:.0f} to {known[-1]:.0f}, at most {max(known):.0f}"
    return format_html(shape, SPARK_WIDTH, SPARK_HEIGHT, said, line)


@register.simple_tag
def bars(values: Iterable[int], label: str = "") -> SafeString:
    """One bar for each value, side by side."""
    numbers = list(values)
    if not any(numbers):
        return mark_safe('<svg class="bars" viewBox="0 0 120 28" aria-hidden="true"></svg>')
    top, width = max(numbers), SPARK_WIDTH / len(numbers)
    rects = [
        f'<rect x="{n * width:.2f}" y="{SPARK_HEIGHT - h:.1f}" width="{max(width - 1, 0.8 * width):.2f}" height="{h:.1f}"></rect>'
        for n, value in enumerate(numbers)
        if value and (h := max(2.0, SPARK_HEIGHT * value / top))
    ]
    head = format_html(
        '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}: {} in all, at most {} an hour">',
        SPARK_WIDTH, SPARK_HEIGHT, label or "per hour", sum(numbers), top,
    )  # fmt: skip
    return mark_safe(head + "".join(rects) + "</svg>")  # noqa: S308  (numbers only)


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    drawn, is_down = [], False
    for place in places:
        if place is not None:
            drawn.append(f"{'L' if is_down else 'M'}{place[0]} {place[1]}")
        is_down = place is not None
    return " ".join(drawn)


@register.filter
def table(columns: dict[str, Any], chart: str) -> list[tuple[str, list[Any]]]:
    """The last thirty points of a chart, newest first, as rows."""
    names = {
        "throughput": ("succeeded", "retried", "dead"),
        "latency": ("wait_p50", "wait_p95", "wait_p99", "run_p95", "age"),
    }
    wanted = [columns[name] for name in names[chart]] if chart in names else list(columns["waiting"].values())
    places = range(len(columns["at"]) - 1, max(-1, len(columns["at"]) - 31), -1)
    return [
        (datetime.fromtimestamp(columns["at"][n], UTC).strftime("%d %b %H:%M:%S"), [column[n] for column in wanted])
        for n in places
    ]
