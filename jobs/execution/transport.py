"""Kombu's Redis transport, made to outlive its input: whatever lies in a queue's list is a message, or is kept and explained.

Stock kombu lets the first item that is no JSON end the worker, and the item is gone.
"""

from typing import Any

from kombu.transport import redis

from jobs.execution import strangers

# What taking a malformed item apart may raise; an outage raises none of these.
_Malformed = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Channel(redis.Channel):
    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)  # type: ignore[misc]  # not in kombu's stubs
        client.set_response_callback("BRPOP", self._note_popped)
        return client

    def _note_popped(self, answer: Any, **_options: Any) -> Any:
        self._popped = answer
        return answer

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # not in kombu's stubs
        except _Malformed as error:
            queue, item = self._popped
            problem = f"{type(error).__name__}: {error}"
            strangers.refuse_raw(item, queue=queue.decode("utf-8", "replace"), problem=problem)
            return True


class Transport(redis.Transport):
    Channel = Channel

    def _deliver(self, message: Any, queue: str | None) -> None:
        """Refuse what Celery would stumble over, and say where the message really came from."""
        if not isinstance(message, dict) or not isinstance(message.get("properties"), dict):
            raise TypeError("it is no object with properties")
        if not isinstance(message.get("headers") or {}, dict):
            raise TypeError("its headers are no object")
        task = (message.get("headers") or {}).get("task", "")
        if not isinstance(task, str):
            raise TypeError("its task is no text")
        message["properties"]["delivery_info"] = {"exchange": "", "routing_key": queue}
        super()._deliver(message, queue)
