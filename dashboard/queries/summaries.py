"""What a chart shows, in one sentence: for whoever can't see it, or has no time to."""

from collections.abc import Sequence

from dashboard.queries.series import Series

Column = Sequence[float | None]
NOTHING = "Nothing was measured in this time."


def throughput(series: Series) -> str:
    good, again, dead = (_total(series, column) for column in (series.succeeded, series.retried, series.dead))
    rates = [a + b + c for a, b, c in zip(*map(_known, (series.succeeded, series.retried, series.dead)), strict=True)]
    if not rates:
        return NOTHING
    return f"{_count(good)} succeeded, {_count(again)} retried, {_count(dead)} dead; at most {_count(max(rates))} a minute."


def latency(series: Series) -> str:
    waits, ages = _known(series.wait_p95), _known(series.age)
    if not ages:
        return NOTHING
    said = f"95 % waited at most {_seconds(max(waits))}" if waits else "Nothing was started"
    run = _known(series.run_p95)
    return (
        f"{said}{f' and ran at most {_seconds(max(run))}' if run else ''}; the oldest waits {_seconds(ages[-1])} now."
    )


def backlog(series: Series) -> str:
    known = {name: _known(column) for name, column in series.waiting.items()}
    if not any(known.values()):
        return NOTHING
    now = ", ".join(f"{name} {_count(column[-1])}" for name, column in known.items() if column)
    name, top = max(((name, max(column)) for name, column in known.items() if column), key=lambda found: found[1])
    return f"Now {now}; at most {_count(top)}{f' in {name}' if top and len(known) > 1 else ''}."


def of(series: Series) -> dict[str, str]:
    return {"throughput": throughput(series), "latency": latency(series), "backlog": backlog(series)}


def _known(column: Column) -> list[float]:
    return [value for value in column if value is not None]


def _total(series: Series, per_minute: Column) -> float:
    """Rates back to numbers: each stood for the time since the point before."""
    starts = [series.at[0] - series.step, *series.at[:-1]] if series.at else []
    spans = (min(end - start, 2.5 * series.step) for start, end in zip(starts, series.at, strict=True))
    return sum(rate * span / 60 for rate, span in zip(per_minute, spans, strict=True) if rate is not None)


def _count(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\u2009")


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 60 else f"{value / 60:.0f} min"
