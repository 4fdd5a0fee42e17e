"""Who does something: a name for the records, and what that one may do."""

from dataclasses import dataclass

from jobs.domain.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Actor:
    """`permissions` None: trusted code, which may do everything."""

    name: str
    permissions: frozenset[str] | None = None
    request_id: str = ""
    source_address: str = ""

    def may(self, permission: str) -> bool:
        return self.permissions is None or permission in self.permissions

    def require(self, permission: str) -> None:
        if not self.may(permission):
            raise NotAllowed(permission)


CODE = Actor("code")
BEAT = Actor("beat")
KEEPER = Actor("keeper")
