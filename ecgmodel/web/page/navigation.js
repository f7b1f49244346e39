// Moving by pointer: a mouse drags and its wheel zooms, one finger drags, two fingers zoom.

const LINE = 16; // pixels of a wheel that counts in lines
const DOUBLING = 400; // pixels of a wheel that zoom by two

/**
 * Let an element be moved by pointers.
 * @param {HTMLElement} place Gets them.
 * @param {(right: number, down: number) => void} moved Is told by how many pixels.
 * @param {(factor: number, at: number) => void} zoomed Is told how much closer, and round which
 *     pixel from the left.
 */
export function navigate(place, moved, zoomed) {
  const held = new Map();
  const within = (x) => x - place.getBoundingClientRect().left;
  place.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    place.setPointerCapture(event.pointerId);
    held.set(event.pointerId, event);
  });
  place.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) return;
    const before = spread(held);
    held.set(event.pointerId, event);
    const now = spread(held);
    // A finger that goes up or down moves the page.
    moved(now.x - before.x, event.pointerType === "mouse" ? now.y - before.y : 0);
    if (before.size && now.size) zoomed(now.size / before.size, within(now.x));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    place.addEventListener(end, (event) => held.delete(event.pointerId));
  }
  const onWheel = (event) => {
    event.preventDefault();
    const unit = event.deltaMode ? LINE : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      moved(-(event.deltaX || event.deltaY) * unit, 0);
    } else {
      zoomed(2 ** ((-event.deltaY * unit) / DOUBLING), within(event.clientX));
    }
  };
  place.addEventListener("wheel", onWheel, { passive: false });
}

/** Return the middle of all pointers, and how far they are apart. */
function spread(held) {
  const all = [...held.values()];
  const middle = (name) => all.reduce((sum, one) => sum + one[name], 0) / all.length;
  const [x, y] = [middle("clientX"), middle("clientY")];
  const size = all.reduce((sum, one) => sum + Math.hypot(one.clientX - x, one.clientY - y), 0);
  return { x, y, size };
}
