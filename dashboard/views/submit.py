"""Submit a job by hand."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard import forms, frame
from dashboard.access import PageRequest, page
from jobs.api.errors import tell
from jobs.domain.errors import NotAllowed, TallyError
from jobs.domain.states import Source
from jobs.intake import registry, submission
from jobs.intake.registry import TaskSpec


@require_http_methods(["GET", "HEAD", "POST"])
@page(needs="jobs.submit_job")
def submit_job(request: PageRequest) -> HttpResponse:
    specs = registry.every()
    name = request.POST.get("task") or request.GET.get("task") or (specs[0].name if specs else "")
    spec = registry.find(name)
    if spec is None:
        return frame.missing(request, message=f"No task is called {name!r}.")
    if request.method != "POST":
        return _show(request, specs, spec)
    try:
        wanted = forms.read(spec, request.POST)
        drafts = [wanted.draft] * wanted.repeat
        jobs = submission.submit_many(drafts, actor=request.actor, source=Source.API)
    except NotAllowed:
        raise
    except TallyError as error:
        return _show(request, specs, spec, error=error)
    if len(jobs) == 1:
        return redirect("dashboard:job", jobs[0].id)
    messages.success(request, f"Submitted {len(jobs)} jobs.")
    return redirect(f"{reverse('dashboard:jobs')}?q=task:{spec.name}")


def _show(
    request: PageRequest, specs: list[TaskSpec], spec: TaskSpec, *, error: TallyError | None = None
) -> HttpResponse:
    given: Any = request.POST if error else None
    context = {
        "specs": specs,
        "spec": spec,
        "fields": forms.fields_of(spec, given=given),
        "queues": forms.queues_of(spec),
        "problems": _problems(error),
        "given": given or {},
        "repeat_max": forms.REPEAT_MAX,
    }
    return frame.render(request, "submit", context, section="jobs", status=400 if error else 200)


def _problems(error: TallyError | None) -> list[str]:
    if error is None:
        return []
    if isinstance(error, forms.FormInvalid):
        return [str(error)]
    told = tell(error)
    return [text for texts in told.values() for text in (texts if isinstance(texts, list) else [texts])]
