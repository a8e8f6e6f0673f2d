"""What the page of an explorer sends to Python: where the pointer is."""


def point(explorer, ax, x, y, *, pressed=False, presses=0, press=None, inside=True):
    """A pointer message as the page sends it; x, y and press in data coordinates of ax."""

    def fraction(place):
        pixel = ax.transData.transform(place) / explorer.figure.bbox.size
        return pixel[0], 1 - pixel[1]

    here_x, here_y = fraction((x, y))
    press_x, press_y = fraction(press or (x, y))
    explorer.canvas.pointer = {
        "x": here_x,
        "y": here_y,
        "inside": inside,
        "pressed": pressed,
        "presses": presses,
        "press_x": press_x,
        "press_y": press_y,
    }
