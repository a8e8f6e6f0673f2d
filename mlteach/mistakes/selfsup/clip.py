"""Mistakes in CLIP and SigLIP as methods: what they learn besides their encoders, and its end."""

from __future__ import annotations

from mlteach.losses import clip_loss, siglip_loss
from mlteach.mistakes._registry import mistake
from mlteach.selfsup import CLIP


def _loss(method, image, text, temperature):
    """Right: that of the two encodings."""
    if method.bias is None:
        return clip_loss(image, text, temperature=temperature)
    return siglip_loss(image, text, temperature=temperature, bias=method.bias)


@mistake(CLIP, "the temperature is never learned: it is detached on its way into the loss")
class TemperatureDetached(CLIP):
    def loss(self, x, tokens):
        image, text = self.encode_images(x), self.encode_texts(tokens)
        return _loss(self, image, text, self.temperature.detach()), {}


@mistake(
    CLIP,
    "nothing stops the temperature: CLIP keeps it at 0.01 or above, or a wrong pair costs too much",
)
class TemperatureNotStopped(CLIP):
    def after_step(self, aux):
        pass


@mistake(CLIP, "you hand over 1 / temperature: the loss divides by the temperature itself")
class TemperatureInverted(CLIP):
    def loss(self, x, tokens):
        image, text = self.encode_images(x), self.encode_texts(tokens)
        return _loss(self, image, text, 1 / self.temperature), {}


@mistake(
    CLIP,
    "you hand over the logarithm's place: what is learned is log(temperature), "
    "and the loss divides by its exponential",
)
class LogarithmForTemperature(CLIP):
    def loss(self, x, tokens):
        image, text = self.encode_images(x), self.encode_texts(tokens)
        return _loss(self, image, text, self.log_temperature.abs()), {}


@mistake(CLIP, "the texts move no encoder: they are detached")
class TextsDetached(CLIP):
    def loss(self, x, tokens):
        image, text = self.encode_images(x), self.encode_texts(tokens)
        return _loss(self, image, text.detach(), self.temperature), {}


@mistake(CLIP, "image i meets the text of another image: row i of both belongs together")
class TextsNotPaired(CLIP):
    def loss(self, x, tokens):
        return super().loss(x, tokens.flip(0))


@mistake(CLIP, "the bias is missing in SigLIP's loss: it is learned, and begins at -10")
class BiasForgotten(CLIP):
    def loss(self, x, tokens):
        image, text = self.encode_images(x), self.encode_texts(tokens)
        if self.bias is None:
            return clip_loss(image, text, temperature=self.temperature), {}
        return siglip_loss(image, text, temperature=self.temperature, bias=0.0), {}


@mistake(CLIP, "the loss stops the temperature by itself: only after_step changes what is learned")
class StopsWhileItComputes(CLIP):
    def loss(self, x, tokens):
        super().after_step({})
        return super().loss(x, tokens)
