"""Threads that are waited for when the process ends.

One that were cut off inside the model's library would bring the whole process down with it.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from weakref import WeakSet

_PATIENCE = 3.0
"""Seconds to wait for all of them; a model's server may keep one waiting for longer."""
_running: WeakSet[threading.Thread] = WeakSet()


def start(work: Callable[[], None], name: str) -> None:
    """Run a function in a thread."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    _running.add(thread)
    thread.start()


@atexit.register
def wait() -> None:
    """Wait for the threads that still run."""
    deadline = time.monotonic() + _PATIENCE
    for thread in list(_running):
        thread.join(max(0.0, deadline - time.monotonic()))
