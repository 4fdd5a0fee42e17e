"""Notices that another release runs than before, and says so in the trail, where charts find it to mark."""

from datetime import datetime

from jobs import conf
from jobs.broker import connections
from jobs.domain.actors import KEEPER
from jobs.models import Action


def key() -> str:
    return connections.key("release")


def mark(_now: datetime) -> None:
    """The first release ever seen is no news. The note comes first: said twice is better than not at all."""
    client, release = connections.patient(), conf.release()
    before = client.get(key())
    if before == release:
        return
    if before is not None:
        told = {"before": {"release": before}, "after": {"release": release}}
        Action.objects.create(actor=KEEPER.name, verb="release", object=f"release:{release}", **told)
    client.set(key(), release)
