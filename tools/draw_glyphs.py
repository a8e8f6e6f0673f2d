"""Draws mlteach/data/glyphs.npz again; call it with the Python of the environment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlteach.data.glyphs import pack_glyphs

FILE = Path(__file__).resolve().parent.parent / "mlteach" / "data" / "glyphs.npz"

if __name__ == "__main__":
    np.savez_compressed(FILE, **pack_glyphs())
    print(f"{FILE.name}: {FILE.stat().st_size / 1e6:.1f} MB")
