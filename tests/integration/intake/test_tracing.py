"""A trace goes from whoever submits to the attempt that runs, in the headers of its message."""

from collections.abc import Iterator

import pytest
from celery import current_app
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from jobs import tracing
from jobs.broker import message
from jobs.models import Job
from jobs.shortcuts import submit
from tests import factories


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def traceparent_of(job: Job) -> str:
    return str(message.build(current_app, job).headers.get("traceparent", ""))


def test_a_job_carries_the_trace_in_which_it_was_submitted(spans: InMemorySpanExporter) -> None:
    with trace.get_tracer("test").start_as_current_span("request") as request:
        job = submit("noop")
    trace_id = f"{request.get_span_context().trace_id:032x}"
    assert tracing.trace_id(traceparent_of(job)) == trace_id
    job.attempt = 1  # the next attempt is of the same trace
    assert tracing.trace_id(traceparent_of(job)) == trace_id
    with tracing.span("noop", headers=message.build(current_app, job).headers, job_id=str(job.id), attempt=2):
        pass
    ran = next(span for span in spans.get_finished_spans() if span.name == "noop")
    assert ran.parent is not None
    assert ran.parent.span_id == request.get_span_context().span_id
    assert dict(ran.attributes or {}) == {"tally.job_id": str(job.id), "tally.attempt": 2}


def test_without_a_trace_nothing_is_carried(spans: InMemorySpanExporter) -> None:
    job = submit("noop")
    assert job.options == {}
    assert "traceparent" not in message.build(current_app, job).headers


def test_where_spans_are_collected_a_job_without_a_trace_begins_one(spans: InMemorySpanExporter) -> None:
    with tracing.span("noop", headers={}, attempt=1):
        pass
    [ran] = spans.get_finished_spans()
    assert (ran.name, ran.parent) == ("noop", None)


def test_where_nobody_collects_a_trace_is_carried_on_and_none_is_begun() -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    with tracing.span("noop", headers={"traceparent": traceparent}, attempt=1):
        job = submit("noop")
    assert tracing.trace_id(traceparent_of(job)) == "a" * 32
    with tracing.span("noop", headers={"traceparent": None}, attempt=1):
        assert submit("noop").options == {}


def test_without_opentelemetry_nothing_happens(monkeypatch: pytest.MonkeyPatch, spans: InMemorySpanExporter) -> None:
    monkeypatch.setattr(tracing, "is_installed", lambda: False)
    with trace.get_tracer("test").start_as_current_span("request"):
        assert submit("noop").options == {}
        with tracing.span("noop", headers={}):
            pass
    assert [span.name for span in spans.get_finished_spans()] == ["request"]


def test_a_message_carries_the_correlation_id() -> None:
    job = factories.make_job(correlation_id="order-7")
    delivery = message.read(message.build(current_app, job).headers)
    assert delivery is not None
    assert delivery.correlation_id == "order-7"
