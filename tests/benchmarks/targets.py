"""What we promise of speed, in ratios against stock Celery of the same run, and whether it held."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

OURS = ("tally-sqlite", "tally-postgres")
PLAIN, DJANGO_DB = "stock", "stock-django-db"
LAG = "lag p99"
SHARES = (0.5, 0.95, 0.99)  # of the waits for a start: each round has its own, so that one bad moment is one round's

Figures = Mapping[str, Mapping[str, list[float]]]  # contender → measure → a value for each round


@dataclass(frozen=True, slots=True)
class Verdict:
    measure: str
    value: float
    target: float
    at_least: bool
    unit: str = "×"

    @property
    def is_met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{'met   ' if self.is_met else 'MISSED'}  {self.measure}: {self.value:.3g} {self.unit} (target {sign} {self.target:g})"


def verdicts(figures: Figures) -> list[Verdict]:
    """Where we run on two databases, the worse of the two counts; against django-db it is PostgreSQL on both sides."""
    postgres = "tally-postgres"
    found = [
        Verdict("single submit vs .delay()", _worst(figures, "single"), 0.8, at_least=True),
        Verdict("bulk submit vs a loop of .delay()", _worst(figures, "bulk", "single"), 4.0, at_least=True),
        Verdict("drain to final rows vs Celery", _worst(figures, "drain"), 1.6, at_least=True),
        Verdict("drain vs django-db", _ratio(figures, "drain", postgres, DJANGO_DB), 5.0, at_least=True),
        Verdict("CPU a job vs django-db", _ratio(figures, "cpu", postgres, DJANGO_DB), 0.3, at_least=False),
    ]
    for share, target in ((0.5, 1.3), (0.99, 1.5)):
        measure = start_at(share)
        if figures[PLAIN].get(measure):
            worst = max(_ratio(figures, measure, name, PLAIN) for name in OURS if name in figures)
            found.append(Verdict(f"idle submit-to-start p{share * 100:.0f} vs Celery", worst, target, at_least=False))
    lags = [median(figures[name][LAG]) for name in OURS if figures[name].get(LAG)]
    if lags:
        found.append(Verdict("start-to-row lag p99 at half load", max(lags) * 1000, 300, at_least=False, unit="ms"))
    memory = [median(figures[name]["keeper memory"]) for name in OURS if figures[name].get("keeper memory")]
    if memory:
        found.append(Verdict("keeper memory, 200 000 entries", max(memory) / 1e6, 200, at_least=False, unit="MB"))
    return found


def start_at(share: float) -> str:
    return f"start p{share * 100:.0f}"


def last_line(figures: Figures) -> str:
    postgres = "tally-postgres"
    return (
        f"bench: single {_worst(figures, 'single'):.2f} bulk {_worst(figures, 'bulk', 'single'):.1f} "
        f"drain {_worst(figures, 'drain'):.1f} "
        f"drain_vs_django_db {_ratio(figures, 'drain', postgres, DJANGO_DB):.1f} "
        f"cpu_vs_django_db {_ratio(figures, 'cpu', postgres, DJANGO_DB):.2f}"
    )


def _worst(figures: Figures, measure: str, theirs: str = "") -> float:
    return min(_ratio(figures, measure, name, PLAIN, theirs or measure) for name in OURS if name in figures)


def _ratio(figures: Figures, measure: str, ours: str, stock: str, theirs: str = "") -> float:
    """The middle one of each round's ratio, since both had the same machine in it; of two measures, that of the medians."""
    mine, others = figures[ours][measure], figures[stock][theirs or measure]
    if theirs and theirs != measure:
        return median(mine) / median(others)
    return median(one / other for one, other in zip(mine, others, strict=True))
