"""A real kernel without a page: cells, and the messages that a page would send."""

import ast
import time

from jupyter_client.manager import start_new_kernel

SOON = 60  # seconds, for what takes one at most


class NotebookKernel:
    """Runs cells, and speaks to widgets as the page does, also while a cell runs."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(startup_timeout=SOON)
        self.heard = []  # all messages of the kernel to the page

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def begin(self, code, **metadata):
        """Sends a cell; returns the number of its request."""
        request = self.client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": False, "user_expressions": {}},
            metadata=metadata,
        )
        return self._send(request)

    def end(self, request):
        """Waits until the kernel has answered a request and is done with it; its answer."""
        return self.ends([request])[0]

    def ends(self, requests):
        """The same of several that were sent one after the other, answered in any order."""
        replies = {}
        while set(requests) - replies.keys():
            message = self.client.get_shell_msg(timeout=SOON)
            replies[message["parent_header"]["msg_id"]] = message["content"]
        self.until(lambda: set(requests) <= self.done())
        return [replies[request] for request in requests]

    def run(self, code):
        """Runs a cell, which must not fail; what it printed."""
        request = self.begin(code)
        reply = self.end(request)
        assert reply["status"] == "ok", reply
        return self.printed(request)

    def ask(self, expression):
        return ast.literal_eval(self.run(f"print(repr({expression}))"))

    def send(self, kind, content, **header):
        """Sends any request of the page; returns its number."""
        request = self.client.session.msg(kind, content)
        request["header"].update(header)
        return self._send(request)

    def _send(self, request):
        self.client.shell_channel.send(request)
        return request["header"]["msg_id"]

    def click(self, comm, **header):
        data = {"method": "custom", "content": {"event": "click"}}
        return self.send("comm_msg", {"comm_id": comm, "data": data}, **header)

    def move(self, comm, value, **header):
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        return self.send("comm_msg", {"comm_id": comm, "data": data}, **header)

    def press_stop(self):
        """The stop button of the page."""
        self.manager.interrupt_kernel()

    def new_subshell(self):
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        return self.client.control_channel.get_msg(timeout=SOON)["content"]["subshell_id"]

    # --- what the kernel tells -------------------------------------------------------------------

    def listen(self, seconds=0.02):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.client.iopub_channel.socket.poll(1000 * left):
                self.heard.append(self.client.get_iopub_msg(timeout=SOON))

    def until(self, condition):
        end = time.monotonic() + SOON
        while not condition():
            assert time.monotonic() < end, "it never came to be"
            self.listen()

    def of(self, request):
        """What the kernel told because of a request: kind and content of each message."""
        return [
            (message["msg_type"], message["content"])
            for message in self.heard
            if message["parent_header"].get("msg_id") == request
        ]

    def done(self):
        """The requests that the kernel is done with."""
        return {
            message["parent_header"].get("msg_id")
            for message in self.heard
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        }

    def printed(self, request):
        return "".join(content["text"] for kind, content in self.of(request) if kind == "stream")

    def lines(self, request):
        """The texts that a cell has shown and shown again in its place."""
        kinds = ("display_data", "update_display_data")
        told = [content for kind, content in self.of(request) if kind in kinds]
        assert len({content["transient"]["display_id"] for content in told}) <= 1
        return [content["data"]["text/plain"] for content in told]
