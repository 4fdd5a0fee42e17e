# syntax=docker/dockerfile:1
# One image, every role: web, worker, keeper and beat differ by their command (docker-compose.yml).

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN /opt/venv/bin/pip install --require-hashes -r requirements.txt

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DEBUG=0 \
    REMAP_SIGTERM=SIGQUIT \
    TALLY_DATA=/var/lib/tally
RUN useradd --system --uid 10001 --home-dir /var/lib/tally --create-home tally
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY taskqueue_project taskqueue_project
COPY jobs jobs
COPY dlq dlq
COPY dashboard dashboard
COPY templates templates
# Collecting reads the settings and talks to nobody.
RUN SECRET_KEY=build ALLOWED_HOSTS=build REDIS_URL=redis://build python manage.py collectstatic --noinput --verbosity 0 \
    && chown -R tally /var/lib/tally
USER tally
EXPOSE 8000
CMD ["python", "-m", "taskqueue_project.server", "-b", "0.0.0.0", "-p", "8000"]
