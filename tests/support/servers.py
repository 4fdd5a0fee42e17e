"""Databases for tests, made fresh on the run's PostgreSQL server; the servers themselves are localstack's."""

import uuid
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

# The controller of a distributed run asks Redis nothing; the port is "discard", where nobody listens.
NOWHERE = "redis://127.0.0.1:9"


def create_database(server_url: str, *, template: str = "") -> str:
    """A fresh database on the server, empty or a copy of the template (its URL); the new one's URL."""
    name = f"tally_{uuid.uuid4().hex[:12]}"
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(_name_in(template)))
    _run(server_url, statement)
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def drop_database(server_url: str, url: str) -> None:
    _run(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_name_in(url))))


def _name_in(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _run(server_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)
