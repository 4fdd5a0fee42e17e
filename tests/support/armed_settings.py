"""The settings of stories, for processes that are killed at seams."""

from tests.support import seams, shifted_clock

shifted_clock.shift()
seams.watch()

from tests.support.settings import *  # noqa: E402, F403  (the modules to be wrapped must not be loaded before)
