"""The live statistics of one web process: one subscription, one count when samples stay out, any number of sockets."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils import timezone
from redis.exceptions import RedisError

from dashboard.broadcast import GROUP, channel_layer, compose
from jobs import conf
from jobs.api import statistics
from jobs.broker import connections
from jobs.keeper import sampler

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

LONGEST_SILENCE_SECONDS = 1.8  # a frame at least every 2 s
_SUBSCRIBE_AGAIN_SECONDS = 1.0


class Feed:
    """Works while somebody listens. Nothing is queued for a listener: each frame replaces the one before."""

    def __init__(self) -> None:
        self._listeners: set[Send] = set()
        self._frame: dict[str, Any] = {}
        self._sampled_at = float("-inf")
        self._seq = 0
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._counting = asyncio.Lock()

    async def join(self, send: Send) -> None:
        """The snapshot first, then every frame."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tell())]
        async with self._counting:
            if not self._is_fresh() and not self._was_counted_just_now():
                await self._recall_or_count()
        await send(_message(self._frame))
        self._listeners.add(send)

    def leave(self, send: Send) -> None:
        self._listeners.discard(send)
        if not self._listeners:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    def take(self, frame: dict[str, Any]) -> None:
        """A sample has come."""
        self._sampled_at = time.monotonic()
        self._put(frame)
        self._news.set()

    async def _tell(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LONGEST_SILENCE_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                await self._repeat_or_count()
            self._news.clear()
            message = _message(self._frame)
            for send in list(self._listeners):
                await send(message)

    async def _repeat_or_count(self) -> None:
        """No sample for a while: the last one again, or, when that is too old, rows counted here."""
        if self._is_fresh():
            self._put(self._frame)
            return
        async with self._counting:
            await self._count()

    async def _recall_or_count(self) -> None:
        """At the first look: the keeper's last sample lies in Redis, unless nobody takes any."""
        kept = await database_sync_to_async(_recent_sample)()
        if kept is None:
            await self._count()
        else:
            self._sampled_at = time.monotonic()
            self._put(compose(kept))

    async def _count(self) -> None:
        try:
            counted = await database_sync_to_async(statistics.counted)()
        except DatabaseError:
            counted = {**self._frame, "ts": self._frame.get("ts") or timezone.now().isoformat()}
        self._put({**_NOTHING_KNOWN, **counted, "stale": True, "seq": int(time.time() * 1000)})

    async def _listen(self) -> None:
        layer = channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                while True:
                    self.take((await layer.receive(channel))["frame"])
            except (RedisError, OSError) as error:
                logger.warning("Samples can't be heard now (%s): counting rows instead.", error)
                await asyncio.sleep(_SUBSCRIBE_AGAIN_SECONDS)

    def _put(self, frame: dict[str, Any]) -> None:
        self._seq = max(self._seq + 1, frame["seq"])
        self._frame = {**frame, "seq": self._seq, "version": conf.release()}

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._sampled_at < conf.current().SAMPLE_STALE_SECONDS

    def _was_counted_just_now(self) -> bool:
        return bool(self._frame) and time.time() * 1000 - self._frame["seq"] < LONGEST_SILENCE_SECONDS * 1000


def _recent_sample() -> dict[str, Any] | None:
    try:
        sample = sampler.read_sample(connections.hasty())
    except connections.Unavailable:
        return None
    oldest = timezone.now() - timedelta(seconds=conf.current().SAMPLE_STALE_SECONDS)
    return sample if sample and datetime.fromisoformat(sample["at"]) > oldest else None


_NOTHING_KNOWN: dict[str, Any] = {
    "queued_high": None,
    "queued_default": None,
    "queued_low": None,
    "active_tasks": None,
    "failed_tasks": None,
    "success_tasks": None,
    "workers_online": None,
}


def _message(frame: dict[str, Any]) -> dict[str, Any]:
    return {"type": "websocket.send", "text": json.dumps(frame, separators=(",", ":"))}
