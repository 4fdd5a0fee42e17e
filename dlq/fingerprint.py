"""Which failures are one failure: the same exception and causes, in the same task, by way of the same application code.

Pure and versioned. Line numbers and messages don't count, unless there is no application frame to go by.
"""

import hashlib
import json
import re

from jobs.domain.journal import Failure

VERSION = 1

_FRAMES_AT_EACH_END = 8
_MESSAGE_CHARACTERS = 2_000

# What differs between two messages of one kind, in the order in which it is replaced.
_PLACEHOLDERS = [
    (re.compile(r"\b[a-z][a-z0-9+.-]*+://[^\s'\"<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<![^\s<>@'\"(])[^\s@<>'\"(]++@[\w.-]+"), "<address>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"(?<!\w)(['\"`])(?:(?!\1)[^\\\n]|\\.)*+\1(?!\w)"), "<text>"),
    (re.compile(r"(?<![\w/\\<])(?:[a-z]:|~|[\w.-]++)?(?:[/\\][\w.+%~@=-]++)++[/\\]?", re.IGNORECASE), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=\w*[a-z])(?=\w*[0-9])\w{6,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"[0-9]+(?:[.,][0-9]+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
]


def fingerprint(task: str, failure: Failure, *, key: str = "") -> str:
    """32 hexadecimal digits. `key` is what the task itself declares its failures to be, in place of all this."""
    said = ["key", key] if key else [failure.type, list(failure.causes), task, _place(failure)]
    text = json.dumps([f"v{VERSION}", *said], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def normalise(message: str) -> str:
    """The message with everything that identifies one case replaced by what kind of thing it is."""
    text = message[:_MESSAGE_CHARACTERS]
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return text.strip()


def title(failure: Failure) -> str:
    kind = failure.type.rsplit(".", 1)[-1]
    first_line = normalise(failure.message.strip().split("\n", 1)[0])
    return f"{kind}: {first_line}"[:300] if kind and first_line else (kind or first_line or "Without a word")[:300]


def _place(failure: Failure) -> list[str]:
    """Where it happened: the outermost and innermost application frames, each once (recursion differs in depth)."""
    frames = list(dict.fromkeys(failure.frames))
    if not frames:
        return ["message", normalise(failure.message)]
    if len(frames) <= 2 * _FRAMES_AT_EACH_END:
        return ["frames", *frames]
    return ["frames", *frames[:_FRAMES_AT_EACH_END], *frames[-_FRAMES_AT_EACH_END:]]
