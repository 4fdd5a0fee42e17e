"""Files that only their owner may read. A file appears whole or not at all; of several makers the first one wins."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def make_directory(path: Path) -> Path:
    """The directory, made for its owner alone; one that exists keeps the mode it has."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def keep(path: Path, *, make: Callable[[], str]) -> str:
    """What the file holds; when there is none, what `make` returns is kept in it first."""
    kept = read(path)
    if kept is not None:
        return kept
    draft = _draft(path, make())
    try:
        os.link(draft, path)
    except FileExistsError:
        if read(path) is None:  # an empty file, left by a full disk
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()


def write(path: Path, text: str) -> None:
    _draft(path, text).replace(path)


def _draft(path: Path, text: str) -> Path:
    """A complete file beside `path`, mode 0600, ready to take its name."""
    make_directory(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return Path(name)
