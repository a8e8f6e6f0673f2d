"""A server that holds no message back, for tests, which ask a kernel thousands of questions.

Of two small messages the second otherwise waits until the page has acknowledged the first, for 40
ms on Linux (Nagle's algorithm, RFC 896, and delayed acknowledgements, RFC 1122). The figure of a
slider does not wait, as its messages lie further apart: a key press is answered as quickly without.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Between a page and its kernel."""

    async def connect(self):
        """As JupyterLab's own, once the page's socket holds nothing back."""
        self.websocket_handler.set_nodelay(True)
        return await super().connect()
