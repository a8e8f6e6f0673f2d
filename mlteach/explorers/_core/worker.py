"""A thread that works beside the notebook, and how a cell that runs again finds it."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Hashable

from mlteach._kernel import shell_here
from mlteach.explorers._core.kernel import when_stopped_idle


class Worker:
    """Runs one piece of work at a time in a thread of its own.

    The work looks at ``halting`` and returns if it is set. A new worker halts every worker that was
    there before it in its place: the one of the same name, or without a name those that an earlier
    execution of the same notebook cell made. Otherwise a cell that is run again would leave a
    training behind that nothing on the page can stop.

    While no cell runs, the kernel's stop button asks every worker to halt; ``interrupted`` tells.
    """

    def __init__(self, name: str | None = None):
        self.halting = self.interrupted = False
        # held by whoever starts or halts: messages from the page may come in any thread
        self.turn = threading.RLock()
        # An event, not Thread.join: Python 3.11 takes a thread for dead if an interrupt ends the
        # joining.
        self._idle = threading.Event()
        self._idle.set()
        _take_place(self, name)

    @property
    def running(self) -> bool:
        """Whether the work is going on."""
        return not self._idle.is_set()

    def start(self, work: Callable[[], None]) -> None:
        """Begins the work, unless some is going on."""
        with self.turn:
            if not self.running:
                self.halting = self.interrupted = False
                self._idle.clear()
                self.thread = threading.Thread(
                    target=self._run, args=(work,), name="live training", daemon=True
                )
                try:
                    self.thread.start()
                except BaseException:  # the system has no more threads, or an interrupt came
                    self._idle.set()
                    raise
                when_stopped_idle(interrupt_all)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._idle.set()

    def halt(self) -> None:
        """Asks the work to end, and returns when it has."""
        with self.turn:
            self.halting = True
            # again and again: where waiting cannot be interrupted, the moment between two can
            while self.running and self.thread is not threading.current_thread():
                self.wait()

    def wait(self, seconds: float = 0.1) -> None:
        """Returns when the work has ended, or after so many seconds."""
        self._idle.wait(seconds)


# place → which execution, and the workers that it made
_places: dict[Hashable, tuple[Hashable, list[Worker]]] = {}


def _take_place(worker: Worker, name: str | None) -> None:
    place, execution = (name, object()) if name is not None else _cell_and_execution()
    before, workers = _places.get(place, (None, []))
    if before != execution:
        for predecessor in workers:
            predecessor.halt()
        workers = []
    _places[place] = execution, [*workers, worker]


def _cell_and_execution() -> tuple[Hashable, Hashable]:
    """The cell that runs now, and which of its executions; outside a notebook no two are alike."""
    shell = shell_here()
    message = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = message.get("metadata", {}).get("cellId", object())
    return cell, message.get("header", {}).get("msg_id", object())


def interrupt_all() -> None:
    """Asks all work that goes on to end, and waits for none: a signal's handler may call this."""
    for _, workers in list(_places.values()):
        for worker in workers:
            if worker.running:
                worker.halting = worker.interrupted = True


@atexit.register
def _halt_all() -> None:
    """A thread in the middle of a step when Python ends could bring it down with an error."""
    for _, workers in list(_places.values()):
        for worker in workers:
            worker.halt()
