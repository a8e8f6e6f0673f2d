"""In a real kernel: a cell that waits for a training, the page meanwhile, and the stop button."""

import re

import pytest
from support.kernel import NotebookKernel

SET_UP = """
import threading
import time
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from mlteach import explorers
from mlteach.explorers._core import kernel as module
from mlteach.losses import nt_xent

class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.temperature = nn.Linear(6, 4), 0.2

    def loss(self, a, b):
        za, zb = self.net(a), self.net(b)
        z1, z2 = F.normalize(za), F.normalize(zb)
        return nt_xent(za, zb, temperature=self.temperature), {"z1": z1, "z2": z2}

def draw(generator):
    time.sleep(0.005)
    x = torch.randn(8, 6, generator=generator)
    return x, x + 0.1 * torch.randn(8, 6, generator=generator)

def make(**arguments):
    return explorers.LiveTraining(
        Toy(), draw, knobs={"temperature": (0.02, 2)}, **{"steps": 10**6} | arguments
    )

live = make()
live.start(); time.sleep(0.5); live.stop()  # torch makes its first step once
"""
COMMS = "{name: control.comm.comm_id for name, control in live.controls.items()}"


@pytest.fixture(scope="module")
def running():
    kernel = NotebookKernel()
    kernel.run(SET_UP)
    kernel.comms = kernel.ask(COMMS)
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(running):
    """With a training that runs."""
    running.run("live.start()")
    yield running
    running.run("live.stop()")


def wait(kernel, code="live.wait()"):
    """Begins a cell that waits, and returns when it has shown its first line."""
    request = kernel.begin(code)
    kernel.until(lambda: kernel.lines(request))
    return request


def step(line):
    return int(re.search(r"step (\d+) of", line)[1])


def test_after_the_pause_button_the_cell_waits_on_for_start_or_stop(kernel):
    """So that the cells below do not run with half a training; then they do, each once."""
    kernel.run("order = []")
    waiting = wait(kernel)
    cells = [kernel.begin(f"order.append({i})") for i in range(5)]
    kernel.click(kernel.comms["pause"])
    kernel.until(lambda: "start goes on, stop ends" in kernel.lines(waiting)[-1])
    assert not kernel.done() & {waiting, *cells}
    kernel.click(kernel.comms["start"])
    kernel.until(lambda: "running: step" in kernel.lines(waiting)[-1])
    assert not kernel.done() & {waiting, *cells}
    kernel.click(kernel.comms["stop"])
    assert {reply["status"] for reply in kernel.ends([waiting, *cells])} == {"ok"}
    assert kernel.ask("[live.status, order]") == ["stopped", [0, 1, 2, 3, 4]]
    assert kernel.lines(waiting)[-1].startswith("stopped: step ")


def test_the_kernels_stop_button_ends_a_waiting_that_is_paused(kernel):
    waiting = wait(kernel)
    kernel.click(kernel.comms["pause"])
    kernel.until(lambda: "start goes on, stop ends" in kernel.lines(waiting)[-1])
    kernel.press_stop()
    assert kernel.end(waiting)["ename"] == "Paused"
    assert kernel.ask("live.status") == "paused"


def test_a_slider_moved_meanwhile_acts_on_the_next_step(kernel):
    waiting = wait(kernel)
    move = kernel.move(kernel.comms["temperature"], 0.1)
    kernel.until(lambda: move in kernel.done())
    kernel.listen(0.5)
    kernel.click(kernel.comms["stop"])
    kernel.end(waiting)
    used = kernel.ask("[row[3] for row in live.rows]")
    assert sorted(set(used)) == pytest.approx([0.1, 0.2])
    assert used == sorted(used, reverse=True)
    kernel.run("live.controls['temperature'].value = 0.2")


def test_a_slider_that_moves_on_and_on_does_not_hold_up_the_training(kernel):
    """Each move is sent when the one before is done, as the page does while one drags."""
    waiting = wait(kernel)
    for i in range(1, 101):
        move = kernel.move(kernel.comms["temperature"], 0.2 * 0.5 ** (i / 100))
        kernel.until(lambda move=move: move in kernel.done())
    kernel.click(kernel.comms["stop"])
    kernel.end(waiting)
    used = kernel.ask("[row[3] for row in live.rows]")
    assert used == sorted(used, reverse=True)
    assert len(set(used)) > 5
    kernel.run("live.controls['temperature'].value = 0.2")


def test_the_kernel_counts_as_busy_until_the_cell_ends(kernel):
    waiting = wait(kernel)
    move = kernel.move(kernel.comms["lr"], 1e-3)
    kernel.until(lambda: move in kernel.done())
    kernel.listen(0.1)
    states = [m["content"]["execution_state"] for m in kernel.heard if m["msg_type"] == "status"]
    assert states[-1] == "busy"
    kernel.click(kernel.comms["stop"])
    kernel.end(waiting)


def test_a_page_that_is_loaded_meanwhile_hears_what_it_asks(kernel):
    waiting = wait(kernel)
    asked = [
        kernel.send("kernel_info_request", {}),
        kernel.send("comm_info_request", {"target_name": "jupyter.widget"}),
    ]
    info, comms = kernel.ends(asked)
    assert info["language_info"]["name"] == "python"
    assert set(kernel.comms.values()) <= set(comms["comms"])
    assert waiting not in kernel.done()
    kernel.click(kernel.comms["stop"])
    kernel.end(waiting)


def test_an_error_of_a_button_does_not_end_the_waiting(kernel):
    kernel.run("bad = explorers._core.controls.button('bad', lambda: 1 / 0)")
    bad = kernel.ask("bad.comm.comm_id")
    waiting = wait(kernel)
    click = kernel.click(bad)
    kernel.until(lambda: click in kernel.done())
    kernel.listen(0.2)
    assert waiting not in kernel.done()
    kernel.click(kernel.comms["stop"])
    assert kernel.end(waiting)["status"] == "ok"


def test_what_cells_set_while_queued_stays_for_those_after(kernel):
    """NumPy keeps its print options in a context variable, of which a kernel has one context."""
    waiting = wait(kernel)
    setting = kernel.begin("np.set_printoptions(precision=2)")
    kernel.click(kernel.comms["stop"])
    kernel.ends([waiting, setting])
    assert kernel.ask("np.get_printoptions()['precision']") == 2
    kernel.run("np.set_printoptions(precision=8)")


def test_a_kernel_without_such_streams_waits_as_before(kernel):
    """Nothing is answered meanwhile, nothing is lost."""
    kernel.run("streams = module._streams; module._streams = lambda kernel: None")
    waiting = wait(kernel, "threading.Timer(1, live.pause).start(); live.wait()")
    move = kernel.move(kernel.comms["temperature"], 0.1)
    kernel.listen(0.3)
    assert move not in kernel.done()
    kernel.end(waiting)
    kernel.until(lambda: move in kernel.done())
    kernel.run("module._streams = streams")
    assert kernel.ask("live.settings['temperature']") == pytest.approx(0.1)
    kernel.run("live.controls['temperature'].value = 0.2")


def test_the_line_moves_and_ends_with_what_was_reached(running):
    waiting = running.begin(
        "short = make(steps=150, evaluate=lambda m: 0.5); short.start(); short.wait()"
    )
    running.end(waiting)
    first, *between, last = running.lines(waiting)
    assert first[:10].strip("░█") == ""
    steps = [step(line) for line in between]
    assert len(set(steps)) > 1
    assert steps == sorted(steps)
    loss = running.ask("short.rows[-1][1]")
    assert last == f"finished: step 150 of 150 · loss {loss:.3f} · kNN accuracy 0.500"
    again = running.begin("short.wait(progress=False)")
    running.end(again)
    assert running.lines(again) == []


def test_a_line_is_told_from_the_training_that_begins_or_goes_on_after_it(running):
    """Once: what it says is no longer what the figure shows."""
    running.run("again = make(steps=20, name='again')")
    for before in ("", "again.stop(); "):
        waiting = running.begin(f"{before}again.start(); again.wait()")
        running.end(waiting)
        line = running.lines(waiting)[-1]
        for marked in ([f"earlier: {line}"], []):
            begins = running.begin(f"{before}again.start(); again.wait(progress=False)")
            running.end(begins)
            assert running.lines(begins) == marked


def test_waiting_for_a_training_that_never_began_says_so(running):
    waiting = running.begin("make().wait()")
    assert running.end(waiting)["status"] == "ok"
    assert running.lines(waiting) == [
        "ready: step 0 of 1000000 · start() or the start button begins"
    ]


def test_waiting_costs_little(kernel):
    """The main thread's own processor time, with ten moves a second."""
    waiting = wait(
        kernel,
        "cpu, wall = time.thread_time(), time.monotonic(); live.wait()\n"
        "print((time.thread_time() - cpu) / (time.monotonic() - wall))",
    )
    kernel.listen(3)
    kernel.click(kernel.comms["stop"])
    kernel.end(waiting)
    # .02 to .03 on a slow processor; looking every 2 ms takes .09 there, without a pause .9
    assert float(kernel.printed(waiting)) < 0.06


# --- the stop button -----------------------------------------------------------------------------


def test_the_stop_button_pauses_what_a_cell_waits_for_and_ends_the_cell_with_one_line(kernel):
    """And what Run All has queued is not run."""
    waiting = wait(kernel)
    below = kernel.begin("too_far = True")
    kernel.listen(0.5)
    kernel.press_stop()
    reply, aborted = kernel.ends([waiting, below])
    line = f"paused at step {kernel.ask('len(live.rows)')} of 1000000: "
    line += "start() or the start button goes on."
    assert reply["status"] == "error"
    assert reply["traceback"] == [line]
    assert [c for kind, c in kernel.of(waiting) if kind == "error"][0]["traceback"] == [line]
    assert aborted["status"] == "aborted"
    assert kernel.ask("[live.status, 'too_far' in globals()]") == ["paused", False]
    kernel.run("live.start()")  # it goes on
    assert (
        kernel.end(wait(kernel, "threading.Timer(0.2, live.pause).start(); live.wait()"))["status"]
        == "ok"
    )


def test_the_stop_button_of_an_idle_kernel_pauses_every_training(kernel):
    """Again and again; a line under the figure says it until the training goes on."""
    kernel.run("other = make(name='other'); other.start()")
    for _ in range(2):
        kernel.run("live.start()")
        kernel.press_stop()
        # asked again until the step at hand is over
        while kernel.ask("live.worker.running or other.worker.running"):
            pass
        assert kernel.ask("[live.status, other.status]") == ["paused", "paused"]
        line = "The kernel's stop button paused this training; start() or the start button goes on."
        assert kernel.ask("[live.canvas.problem, other.canvas.problem]") == [line, line]
        kernel.run("live.start(); other.start()")
        while kernel.ask("live.canvas.problem + other.canvas.problem"):
            pass
        assert kernel.ask("[live.status, other.status]") == ["running", "running"]
    kernel.run("other.stop()")


def test_the_stop_button_breaks_off_nothing_that_the_page_asked_for(kernel):
    """It comes while a button is answered: that is done to its end, and the training pauses."""
    kernel.run(
        "done = []\n"
        "def slow():\n"
        "    for _ in range(20):\n"
        "        time.sleep(0.05)\n"
        "    done.append(1)\n"
        "slow_button = explorers._core.controls.button('slow', slow)"
    )
    slow = kernel.ask("slow_button.comm.comm_id")
    click = kernel.click(slow)
    kernel.listen(0.3)
    kernel.press_stop()
    kernel.until(lambda: click in kernel.done())
    while kernel.ask("live.worker.running"):
        pass
    assert kernel.ask("[live.status, done]") == ["paused", [1]]


def test_the_stop_button_ends_another_cell_alone(kernel):
    busy = kernel.begin("time.sleep(60)")
    kernel.listen(0.5)
    kernel.press_stop()
    assert kernel.end(busy)["ename"] == "KeyboardInterrupt"
    kernel.run("before = len(live.rows); time.sleep(0.5)")
    assert kernel.ask("[live.status, len(live.rows) > before]") == ["running", True]


def test_a_second_press_ends_the_waiting_for_a_step_that_never_ends(running):
    running.run(
        "gate = threading.Event()\n"
        "stuck = make(similarities=None, name='stuck')\n"
        "stuck.draw = lambda generator: (gate.wait(60), draw(generator))[1]"
    )
    waiting = wait(running, "stuck.start(); stuck.wait()")
    running.press_stop()
    running.listen(0.5)
    assert waiting not in running.done()
    running.press_stop()
    assert running.end(waiting)["ename"] == "KeyboardInterrupt"
    running.run("gate.set(); stuck.stop()")


def test_a_handler_of_somebody_else_is_left_alone():
    """Another program's answer to the stop button, set before the first training."""
    kernel = NotebookKernel()
    try:
        kernel.run("pressed = []")
        kernel.run("get_ipython().kernel.saved_sigint_handler = lambda *_: pressed.append(1)")
        kernel.run(SET_UP)
        kernel.run("live.start()")
        kernel.press_stop()
        kernel.listen(0.3)
        assert kernel.ask("[live.status, len(pressed)]") == ["running", 1]
        kernel.run("live.stop()")
    finally:
        kernel.close()


# --- subshells, where the page's messages come in another thread ---------------------------------


def test_with_subshells_the_page_works_too(kernel):
    """A training begun from one, paused and stopped from one, and by the stop button."""
    if "kernel subshells" not in kernel.end(kernel.send("kernel_info_request", {})).get(
        "supported_features", []
    ):
        pytest.skip("this kernel has none")
    subshell = kernel.new_subshell()
    waiting = wait(kernel)
    kernel.click(kernel.comms["pause"], subshell_id=subshell)
    kernel.until(lambda: "start goes on, stop ends" in kernel.lines(waiting)[-1])
    kernel.click(kernel.comms["stop"], subshell_id=subshell)
    assert kernel.end(waiting)["status"] == "ok"
    kernel.click(kernel.comms["start"], subshell_id=subshell)
    while kernel.ask("live.status") != "running":
        pass
    kernel.press_stop()
    while kernel.ask("live.worker.running"):
        pass
    assert kernel.ask("live.status") == "paused"
