"""The frames of an error that belong to the application: not the interpreter's, not a library's, not the runner's."""

import sysconfig
import traceback
from types import FrameType

_MOST = 64
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_INSTALLED = ("/site-packages/", "/dist-packages/", "\\site-packages\\")
_OURS = "jobs.execution."


def of(error: BaseException) -> tuple[str, ...]:
    """`module:function` of each, outermost first, at most 64: the ends are kept, an endless recursion's middle is not."""
    found = [_name(frame) for frame, _line in traceback.walk_tb(error.__traceback__) if _is_ours_to_show(frame)]
    unique = list(dict.fromkeys(found))
    return tuple(unique if len(unique) <= _MOST else unique[: _MOST // 2] + unique[-_MOST // 2 :])


def _is_ours_to_show(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    if path.startswith("<") or path.startswith(_LIBRARIES) or any(part in path for part in _INSTALLED):
        return False
    return not str(frame.f_globals.get("__name__", "")).startswith(_OURS)


def _name(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"
