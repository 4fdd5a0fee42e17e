"""The fixtures of stories."""

from tests.support.stories import fresh, gate, marks, shared, story

__all__ = ["fresh", "gate", "marks", "shared", "story"]
