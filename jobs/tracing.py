"""The W3C trace context of whoever submits, carried to the run. Needs opentelemetry-api; without it nothing is done.

It travels in the job's options, as headers of every attempt's message: `traceparent`, `tracestate`.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

HEADERS = ("traceparent", "tracestate")
_NO_SPAN = nullcontext()


@cache
def is_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.trace") is not None


@cache
def _api() -> Any:
    """Found once: every submission asks."""
    import opentelemetry.propagate
    import opentelemetry.trace

    return opentelemetry


def carried() -> dict[str, str]:
    """The headers of the span that is open here; empty when none is."""
    if not is_installed():
        return {}
    propagate, trace = _api().propagate, _api().trace
    if not trace.get_current_span().get_span_context().is_valid:
        return {}
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {name: carrier[name] for name in HEADERS if name in carrier}


def of_options(options: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a job carries."""
    headers = options.get("headers") or {}
    return {name: str(headers[name]) for name in HEADERS if headers.get(name)}


def span(name: str, *, headers: Mapping[str, Any], **attributes: str | int) -> AbstractContextManager[None]:
    """A span of the trace that the headers name, around the body of an attempt."""
    if not is_installed() or not (_is_collected() or any(headers.get(header) for header in HEADERS)):
        return _NO_SPAN
    return _span(name, headers, attributes)


def _is_collected() -> bool:
    """Whether somebody has set up where spans go. Who only carries a trace needs a span to carry it in."""
    trace = _api().trace
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@contextmanager
def _span(name: str, headers: Mapping[str, Any], attributes: Mapping[str, str | int]) -> Iterator[None]:
    propagate, trace = _api().propagate, _api().trace
    parent = propagate.extract({key: str(headers[key]) for key in HEADERS if headers.get(key)})
    told = {f"tally.{key}": value for key, value in attributes.items()}
    tracer = trace.get_tracer("tally")
    with tracer.start_as_current_span(name, context=parent, kind=trace.SpanKind.CONSUMER, attributes=told):
        yield


def trace_id(traceparent: str) -> str:
    """Its second part; empty when it has none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""
