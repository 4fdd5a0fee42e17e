"""The charts' columns: differences of totals, gaps where nobody counted, percentiles from buckets."""

from datetime import UTC, datetime
from itertools import pairwise

import redis

from dashboard.queries import series, windows
from jobs.broker import connections
from jobs.keeper import history
from jobs.keeper.history import Point, QueuePoint

START = 1_800_000_000.0


def point(seconds: float, *, succeeded: int = 0, retrying: int = 0, dead: int = 0, waiting: int = 0) -> Point:
    counts = {"succeeded": succeeded, "retrying": retrying, "dead": dead}
    queues = {"high": QueuePoint(waiting=waiting, started=succeeded)}
    return Point(START + seconds, counts, {"0.5": succeeded}, {"1": succeeded}, queues)


def test_a_column_is_the_difference_of_totals_per_minute() -> None:
    built = series.build([point(0, succeeded=10), point(5, succeeded=20, dead=1, waiting=7)], step=5)
    assert (built.succeeded, built.dead, built.waiting) == ([120.0], [12.0], {"high": [7]})


def test_time_in_which_nobody_counted_is_a_gap() -> None:
    built = series.build([point(0), point(5), point(300)], step=5)
    assert built.succeeded == [0.0, None, 0.0]
    assert len({len(column) for column in (built.at, built.age, built.left, built.waiting["high"])}) == 1


def test_a_percentile_is_interpolated_in_its_bucket() -> None:
    assert series.percentile({}, 0.5) is None
    assert series.percentile({"0.5": 10}, 0.5) == 0.375
    assert series.percentile({"0.5": 1, "inf": 9}, 0.95) == 1800.0


def test_a_ring_keeps_one_point_a_step_and_no_more_than_it_holds(redis_client: redis.Redis) -> None:
    client = connections.patient()
    for second in range(1_200):
        if second % 5 in (0, 1):
            history.add(client, point(second, succeeded=second))
    kept = history.read(client, step=5, since=0)
    assert len(kept) == history.RINGS[5]
    assert {round(b.at - a.at) for a, b in pairwise(kept)} == {5}
    assert len(history.read(client, step=60, since=0)) == 20


def test_rates_come_from_the_last_minutes(redis_client: redis.Redis) -> None:
    client = connections.patient()
    for second in range(0, 400, 5):
        history.add(client, point(second, succeeded=second, dead=second // 4))
    rates = history.add(client, point(400, succeeded=400, dead=100))
    assert rates.ended_per_minute == 75.0
    assert rates.failure_percent == 20.0


def test_without_redis_there_are_no_columns() -> None:
    now = datetime.now(UTC)
    assert series.build([], step=5).at == []
    assert series.read(windows.of_range("15m", now=now), now=now).at == []
