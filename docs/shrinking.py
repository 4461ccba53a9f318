"""Make a screenshot a third of its size: 256 colours are all that a page of ours needs."""

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Page

#: 256 colours of a picture, and for each pixel the nearest of them: those that are frequent,
#: then one of each kind, so that a small mark keeps its colour.
_COLOURS = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const { width, height } = image;
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  pen.drawImage(image, 0, 0);
  const pixels = new Uint32Array(pen.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const frequent = [...counts].sort((one, other) => other[1] - one[1]);
  const palette = frequent.slice(0, 96).map(([colour]) => colour);
  const kinds = new Set(palette.map((colour) => colour & 0xe0e0e0));
  for (const [colour] of frequent.slice(96)) {
    if (palette.length < 256 && !kinds.has(colour & 0xe0e0e0)) palette.push(colour);
    kinds.add(colour & 0xe0e0e0);
  }
  const more = frequent.map(([colour]) => colour).filter((one) => !palette.includes(one));
  palette.push(...more.slice(0, 256 - palette.length));
  const far = (one, other) => [0, 8, 16].reduce(
    (sum, shift) => sum + ((one >> shift & 255) - (other >> shift & 255)) ** 2, 0);
  const place = new Map(palette.map((colour, at) => [colour, at]));
  for (const [colour] of frequent) {
    if (place.has(colour)) continue;
    let nearest = 0;
    palette.forEach((other, at) => {
      if (far(colour, other) < far(colour, palette[nearest])) nearest = at;
    });
    place.set(colour, nearest);
  }
  let text = "";
  for (const pixel of pixels) text += String.fromCharCode(place.get(pixel));
  return { width, height, palette, places: btoa(text) };
}"""


def shrink(picture: bytes, page: Page) -> bytes:
    """*picture*, a PNG, as a PNG with a palette; *page* is any page that may run a script."""
    found: dict[str, Any] = page.evaluate(_COLOURS, base64.b64encode(picture).decode())
    width, height = found["width"], found["height"]
    places = base64.b64decode(found["places"])
    rows = [places[at : at + width] for at in range(0, width * height, width)]
    palette = b"".join(
        struct.pack("<I", colour & 0xFFFFFF)[:3] for colour in found["palette"]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib.compress(b"\0" + b"\0".join(rows), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check
