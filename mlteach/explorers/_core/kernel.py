"""The kernel under the notebook: its stop button, and the page while a cell waits."""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mlteach._kernel import kernel_here

# What a kernel answers although a cell waits: the page's buttons and sliders, and what a page asks
# when it is loaded. Above all it never runs another cell meanwhile.
ANSWERED = {"comm_open", "comm_msg", "comm_close", "comm_info_request", "kernel_info_request"}


def in_main_thread() -> bool:
    """Whether this is the thread that runs cells and gets signals."""
    return threading.current_thread() is threading.main_thread()


# --- the stop button -----------------------------------------------------------------------------


class Paused(KeyboardInterrupt):
    """The kernel's stop button has ended the waiting of a cell, and paused what it waited for.

    A notebook shows one line and no traceback, and does not go on with the cells below.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def when_stopped_idle(act: Callable[[], None]) -> None:
    """From now on the stop button calls ``act`` when no cell runs; most kernels then ignore it.

    A handler that somebody else has set stays, and where none can be set nothing changes.
    """
    kernel = kernel_here()
    if kernel is None:
        return
    if in_main_thread():
        _handle_idle(kernel, act)
    elif hasattr(kernel, "io_loop"):  # only the main thread may, as soon as it is free
        kernel.io_loop.add_callback(_handle_idle, kernel, act)


def _handle_idle(kernel: Any, act: Callable[[], None]) -> None:
    def handle(number: int, frame: Any) -> None:
        act()

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, handle)
    # While a message is handled another handler is set, and this one comes back afterwards.
    elif getattr(kernel, "saved_sigint_handler", None) is signal.SIG_IGN:
        kernel.saved_sigint_handler = handle
    else:
        return
    usual = getattr(type(kernel), "pre_handler_hook", None)
    if usual is not None:

        def pre_handler_hook() -> None:
            """What the page sends is answered to its end: broken off, a figure would be spoiled."""
            usual(kernel)
            if kernel.get_parent()["header"].get("msg_type") == "comm_msg":
                signal.signal(signal.SIGINT, handle)

        kernel.pre_handler_hook = pre_handler_hook


@contextmanager
def on_interrupt(act: Callable[[], None]) -> Iterator[list[int]]:
    """The first interrupt calls ``act`` and is noted in the list that is yielded.

    A second one is raised, in case the first does not help.
    """
    noted: list[int] = []
    if not in_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted  # only the main thread gets signals; somebody else's handler is left alone
        return

    def handle(number: int, frame: Any) -> None:
        noted.append(number)
        if len(noted) > 1:
            raise KeyboardInterrupt
        act()

    signal.signal(signal.SIGINT, handle)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """In the main thread: an interrupt that comes now is lost."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


# --- the page while a cell waits -----------------------------------------------------------------


@contextmanager
def answering_page() -> Iterator[Callable[[float], None] | None]:
    """For a cell that waits: yields a function that listens to the page for so many seconds.

    It handles what buttons and sliders send, here in the main thread. Every other request, such as
    the next cells, keeps its place in the queue until the cell has ended. None where there is no
    kernel, or none that can do this; with kernel subshells the page does not need it.
    """
    kernel = kernel_here()
    streams = _streams(kernel) if kernel is not None and in_main_thread() else None
    if streams is None:
        yield None
        return
    incoming, outgoing, usual = streams
    queued: list[list] = []

    def receive(frames: list) -> None:
        if not _answer(kernel, outgoing, frames):
            queued.append(frames)

    def listen(seconds: float) -> None:
        incoming.socket.poll(1000 * seconds)
        incoming.flush()

    incoming.on_recv(receive, copy=False)
    try:
        yield listen
    finally:
        # interrupted here, the kernel would never hear again
        with _no_interrupt():
            incoming.on_recv(usual, copy=False)
        for frames in queued:
            result = usual(frames)
            if inspect.isawaitable(result):
                asyncio.ensure_future(result)


def _streams(kernel: Any) -> tuple[Any, Any, Callable] | None:
    """Where requests come in, where replies go, and who usually gets the requests."""
    try:
        thread = getattr(kernel, "shell_channel_thread", None)
        if thread is None:  # before ipykernel 7
            incoming = outgoing = kernel.shell_stream
        else:
            incoming = thread.manager.get_shell_channel_to_subshell_pair(None).to_stream
            outgoing = thread.manager.get_subshell_to_shell_channel_socket(None)
        # the one private name: a stream does not tell its callback
        return incoming, outgoing, incoming._recv_callback
    except AttributeError:
        return None


def _answer(kernel: Any, outgoing: Any, frames: list) -> bool:
    """Handles the request if it may be handled while a cell runs; returns whether it was."""
    session = kernel.session
    try:
        identities, parts = session.feed_identities(frames, copy=False)
        kind = session.deserialize(parts, content=False, copy=False)["header"]["msg_type"]
    except Exception:  # no request at all, such as the kernel's notes to itself
        return False
    if kind not in ANSWERED:
        return False
    request = session.deserialize(parts, content=True, copy=False)
    try:
        result = kernel.shell_handlers[kind](outgoing, identities, request)
        if inspect.iscoroutine(result):
            result.send(None)
    except StopIteration:
        pass
    except Exception:  # as the kernel does: an error in a callback does not end the cell
        kernel.log.exception("error in a handler of %s", kind)
    # The page sends the next move of a slider when it hears that the last one is done; and the
    # kernel is not idle after that.
    for state, parent in (("idle", request), ("busy", kernel.get_parent())):
        content = {"execution_state": state}
        session.send(kernel.iopub_socket, "status", content, parent=parent, ident=b"status")
    return True


class Line:
    """One line in the output of the cell that runs, which can change; outside a kernel nothing."""

    def __init__(self):
        self.handle: Any = None

    def show(self, text: str) -> None:
        """Puts the text there, in place of the one before."""
        if kernel_here() is None:
            return
        display = sys.modules["IPython"].display.display  # always there beside a kernel
        data = {"text/plain": text}
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)
