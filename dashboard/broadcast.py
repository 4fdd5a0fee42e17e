"""The keeper's side of the live statistics: every sample becomes one frame, sent once, however many look."""

import asyncio
import logging
from dataclasses import asdict
from datetime import datetime
from typing import Any

from channels.layers import BaseChannelLayer, get_channel_layer
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver
from redis.exceptions import RedisError

from jobs.keeper.sampler import Pulse
from jobs.signals import sampled

logger = logging.getLogger(__name__)

GROUP = "stats"
FRAME = "stats.frame"
_SEND_WITHIN_SECONDS = 0.5


@receiver(sampled)
def send_sample(sender: type[Pulse], pulse: Pulse, **_kwargs: Any) -> None:  # noqa: ARG001  (Django's signature)
    """A frame that can't be sent is not missed: the sockets notice, and count for themselves."""
    try:
        asyncio.run(_send(compose(asdict(pulse))))
    except (RedisError, OSError, TimeoutError) as error:
        logger.debug("A frame was not sent: %s", error)


def compose(sample: dict[str, Any]) -> dict[str, Any]:
    """The seven keys, what the pages draw, and when it was. `seq` grows with time, whoever composes."""
    at = datetime.fromisoformat(sample["at"])
    return {
        **sample,
        **{f"queued_{queue['name']}": queue["waiting"] for queue in sample["queues"]},
        "seq": int(at.timestamp() * 1000),
        "ts": sample["at"],
        "stale": False,
    }


def channel_layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured("CHANNEL_LAYERS has no default layer, which the live statistics travel by.")
    return layer


async def _send(frame: dict[str, Any]) -> None:
    async with asyncio.timeout(_SEND_WITHIN_SECONDS):
        await channel_layer().group_send(GROUP, {"type": FRAME, "frame": frame})
