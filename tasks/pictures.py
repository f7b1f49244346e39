"""Pictures on a flow run's page: embedded in Markdown.

An image artifact needs an address that the browser reaches; one that holds the picture itself is
printed as text all over the page. In Markdown the same address is drawn.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

COLOURS = 64
WIDTH = 1000


def picture(png: Path | bytes, caption: str) -> str:
    """Return a picture as Markdown, with its caption above it.

    Args:
        png: A PNG file, or its bytes. It is drawn with fewer colours and pixels if it is large,
            to a third of its size: the server keeps each artifact in its database.
        caption: What it shows, in a sentence.
    """
    from PIL import Image

    data = png if isinstance(png, bytes) else png.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        drawn = image.convert("RGB")
        if drawn.width > WIDTH:
            drawn = drawn.resize(
                (WIDTH, drawn.height * WIDTH // drawn.width), Image.Resampling.LANCZOS
            )
        into = io.BytesIO()
        drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(into, "PNG", optimize=True)
    text = base64.b64encode(min(data, into.getvalue(), key=len)).decode()
    return f"{caption}\n\n![{caption}](data:image/png;base64,{text})"
