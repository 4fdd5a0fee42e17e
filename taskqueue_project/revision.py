"""Which commit a checkout stands at, read from git's own files: no process, and no answer where there is no git."""

from pathlib import Path

SHOWN_CHARACTERS = 10


def of(checkout: Path) -> str:
    try:
        return _read(_git_directory(checkout / ".git"))[:SHOWN_CHARACTERS]
    except (OSError, UnicodeDecodeError):
        return ""


def _git_directory(entry: Path) -> Path:
    """A worktree has a file there, which says where."""
    if entry.is_dir():
        return entry
    return (entry.parent / entry.read_text().removeprefix("gitdir:").strip()).resolve()


def _read(directory: Path) -> str:
    head = (directory / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    shared = directory / "commondir"
    places = [directory, *([(directory / shared.read_text().strip()).resolve()] if shared.is_file() else [])]
    for place in places:
        if (place / name).is_file():
            return (place / name).read_text().strip()
    return _packed((places[-1] / "packed-refs").read_text(), name)


def _packed(text: str, name: str) -> str:
    lines = (line.split(" ", 1) for line in text.splitlines() if " " in line)
    return next((commit for commit, ref in lines if ref == name), "")
