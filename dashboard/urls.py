"""The pages' addresses. Every link is reversed by name, so that a prefix works."""

from django.urls import path

from dashboard.views import actions, failures, jobs, overview, queues, records, session, socket, submit

app_name = "dashboard"
urlpatterns = [
    path("", overview.show_overview, name="overview"),
    path("series/", overview.show_series, name="series"),
    path("search/", jobs.search_jobs, name="search"),
    path("jobs/", jobs.show_jobs, name="jobs"),
    path("jobs/new/", submit.submit_job, name="submit"),
    path("jobs/act/", actions.act_on_jobs, name="act"),
    path("jobs/<uuid:job_id>/", jobs.show_job, name="job"),
    path("jobs/<uuid:job_id>/cancel/", actions.cancel_job, name="cancel"),
    path("j/<str:start>/", jobs.find_job, name="find"),
    path("failures/", failures.show_failures, name="failures"),
    path("failures/letters/", failures.show_letters, name="letters"),
    path("failures/<str:fingerprint>/", failures.show_group, name="group"),
    path("failures/<str:fingerprint>/triage/", failures.triage_group, name="triage"),
    path("failures/<str:fingerprint>/operate/", failures.start_operation, name="operate"),
    path("dead/", jobs.show_dead, name="dead"),
    path("dead/<uuid:letter_id>/requeue/", actions.requeue_letter, name="requeue"),
    path("dead/<uuid:letter_id>/discard/", actions.discard_letter, name="discard"),
    path("queues/", queues.show_queues, name="queues"),
    path("queues/<str:name>/", queues.show_queue, name="queue"),
    path("queues/<str:name>/pause/", actions.pause_queue, name="pause"),
    path("queues/<str:name>/resume/", actions.resume_queue, name="resume"),
    path("queues/<str:name>/purge/", actions.purge_queue, name="purge"),
    path("workers/", queues.show_workers, name="workers"),
    path("workers/<str:name>/", queues.show_worker, name="worker"),
    path("workers/<str:name>/quiet/", actions.quiet_worker, name="quiet"),
    path("workers/<str:name>/wake/", actions.wake_worker, name="wake"),
    path("workers/<str:name>/stop/", actions.stop_worker, name="stop"),
    path("operations/", failures.show_operations, name="operations"),
    path("operations/<uuid:operation_id>/", failures.show_operation, name="operation"),
    path("operations/<uuid:operation_id>/cancel/", failures.cancel_operation, name="cancel_operation"),
    path("schedules/", records.show_schedules, name="schedules"),
    path("audit/", records.show_audit, name="audit"),
    path("about/", records.show_about, name="about"),
    path("preferences/", actions.prefer, name="prefer"),
    path("ws/stats/", socket.refuse_http),
    path("ws/stats", socket.refuse_http, name="socket"),
    path("login/", session.LogIn.as_view(), name="login"),
    path("logout/", session.LogOut.as_view(), name="logout"),
]
