// The report: the recording lies in the page itself.

import { parse } from "./view.js";
import { Viewer } from "./viewer.js";

const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (letter) =>
  letter.charCodeAt(0),
);
const bytes = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
await new Viewer().show(parse(await new Response(bytes).arrayBuffer()));
