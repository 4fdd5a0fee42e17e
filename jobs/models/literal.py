"""Constants of ours, written into the statement: SQLite uses a partial index only for a condition that it can read.

With `state = ?` it must be ready for any state, and reads the whole table.
"""

from typing import Any

from django.db.models import Value


class Literal(Value):
    def __init__(self, constant: str) -> None:
        if not constant.isidentifier():
            raise ValueError(f"{constant!r} is no constant of ours")
        super().__init__(str(constant))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return f"'{self.value}'", ()
