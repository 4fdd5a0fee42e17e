"""The local developer: who may act without credentials on the embedded stack, and what "same origin" means.

Only the peer's own address counts, never a header that a proxy, or anybody, could have written.
"""

import ipaddress
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.http.request import split_domain_port
from rest_framework.request import Request

from jobs import conf

USERNAME = "developer"
_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORTS = {"http": "80", "https": "443"}


def is_local_developer(request: HttpRequest | Request) -> bool:
    meta = request.META
    return (
        conf.current().TRUST_LOOPBACK
        and "HTTP_AUTHORIZATION" not in meta
        and is_loopback(str(meta.get("REMOTE_ADDR", "")))
        and split_domain_port(str(meta.get("HTTP_HOST", "")))[0] in _HOSTS
        and is_same_origin(
            meta.get("HTTP_ORIGIN"), scheme=request.scheme or "http", host=str(meta.get("HTTP_HOST", ""))
        )
    )


def is_loopback(address: str) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return (mapped or peer).is_loopback


def is_same_origin(origin: str | None, *, scheme: str, host: str) -> bool:
    """Scheme, host and port are the same; who sends no Origin is no browser."""
    if origin is None:
        return True
    try:
        given = urlsplit(origin)
        given_port = str(given.port or _PORTS.get(given.scheme, ""))
    except ValueError:
        return False
    domain, port = split_domain_port(host)
    given_domain = split_domain_port(given.netloc)[0]
    return bool(domain) and (given.scheme, given_domain, given_port) == (scheme, domain, port or _PORTS.get(scheme, ""))
