"""What a page of docs/ tells its reader to write and to run, as data."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"\A# (\S+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that it is for, when its first line says so."""
        named = _NAMED.match(self.text)
        return named[1] if named else ""

    @property
    def commands(self) -> list[str]:
        """One for each line, without what is said beside it."""
        joined = self.text.replace("\\\n", "")
        return [line.split("  #")[0].strip() for line in joined.splitlines() if line and not line.startswith("#")]


def blocks(page: Path) -> list[Block]:
    return blocks_in(page.read_text(encoding="utf-8"))


def blocks_in(text: str) -> list[Block]:
    return [Block(language, inside) for language, inside in _FENCED.findall(text)]
