"""The root of every error a caller may see. Leaves stand beside the code that raises them; `code` is stable."""


class TallyError(Exception):
    code = "error"
    place: int | None = None
    """Which of several submissions is meant, counted from 0."""


class NotAllowed(TallyError):
    """The actor lacks a permission; the message names it."""

    code = "not_allowed"

    def __init__(self, permission: str) -> None:
        super().__init__(f"You need the permission {permission} for this.")
        self.permission = permission


class StateConflict(TallyError):
    """The job is not in a state in which this can be done."""

    code = "state_conflict"


class NotThere(TallyError):
    """What this is about does not exist."""

    code = "not_there"


class FieldInvalid(TallyError):
    """A part of the request makes no sense; `field` says which."""

    code = "field_invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message
