# syntax=docker/dockerfile:1
# One image, every role: web, worker, keeper and beat differ by their command (docker-compose.yml).
# The target `flower` adds Flower, which nothing else needs.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# Without pip: what runs later installs nothing.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt .
RUN pip --python /opt/venv/bin/python install --require-hashes -r requirements.txt

FROM build AS build-flower
COPY requirements-flower.txt .
RUN pip --python /opt/venv/bin/python install --require-hashes -r requirements-flower.txt

FROM python:3.13-slim AS app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DEBUG=0 \
    REMAP_SIGTERM=SIGQUIT \
    TALLY_DATA=/var/lib/tally
# A number, so that Kubernetes can see that it is not root.
RUN useradd --system --uid 10001 --home-dir /var/lib/tally --create-home tally
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY taskqueue_project taskqueue_project
COPY jobs jobs
COPY dlq dlq
COPY dashboard dashboard
COPY templates templates
# Compiled here, because the containers' file systems are read-only. Collecting reads the settings and talks to nobody.
RUN python -m compileall -q . \
    && SECRET_KEY=build ALLOWED_HOSTS=build REDIS_URL=redis://build python manage.py collectstatic --noinput --verbosity 0
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "taskqueue_project.server", "-b", "0.0.0.0", "-p", "8000"]

FROM app AS flower
COPY --from=build-flower /opt/venv /opt/venv
EXPOSE 5555
CMD ["celery", "-A", "taskqueue_project", "flower", "--port=5555"]

# What `docker build .` makes.
FROM app AS tally
