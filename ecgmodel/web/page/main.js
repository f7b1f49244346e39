// The page: a recording goes to the service, and what comes back is shown.

import { Pieces } from "./pieces.js";
import { clean, example, held, limits, progress, ServiceError, token } from "./service.js";
import { Viewer } from "./viewer.js";
import { clock, number, remaining } from "./words.js";

const $ = (id) => document.getElementById(id);
const TOLD_MS = 4500; // a screen reader says it each time
const HERE_MS = 60000; // how often the service hears that the page still shows a long recording
const viewer = new Viewer();
let files = [];
let saved = "";
let long = ""; // name of the long recording that the service holds for this page
let work = null;
let edited = false; // whether what is said of the file was said since the last one

// ---- open and clean ------------------------------------------------------------------------

async function open(chosen) {
  if (!chosen.length) return;
  const isNew = [...chosen].some((file) => !files.includes(file));
  if (isNew && !edited) forgetHints();
  files = [...chosen];
  $("again").disabled = false;
  const stems = new Set(files.map(({ name }) => name.replace(/\.[^.]*$/, "")));
  const what = files.length === 1 ? files[0].name : stems.size === 1 ? [...stems][0] : `${files.length} files`;
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  await during(`Denoising ${what}`, async (signal) => {
    await checkSize();
    return clean(files, [...options(), ["work", id]], signal);
  }, id);
}

async function openExample() {
  forgetHints();
  edited = false;
  let made = null;
  await during("Creating the example", async (signal) => {
    made = [await example(signal)];
    return null;
  });
  if (made) await open(made);
}

function forgetHints() {
  for (const field of ["fs", "unit", "gain", "column", "time_column"]) $("hints").elements[field].value = "";
}

function options() {
  const pairs = [];
  for (const [name, value] of new FormData($("hints"))) {
    const parts = name === "column" ? value.split(",") : [value];
    for (const part of parts) if (part.trim()) pairs.push([name, part.trim()]);
  }
  return pairs;
}

/**
 * Do something that takes its time, and say so; what it gives is shown, if anything. The service
 * knows how far it is under an id.
 */
async function during(what, task, id = "") {
  work?.abort();
  const own = (work = new AbortController());
  const began = performance.now();
  let since = began; // of what is being done
  let doing = "";
  let told = -Infinity;
  const tell = async () => {
    const far = id ? await progress(id) : null;
    if (work !== own) return;
    if (far?.share && far.doing !== doing) [doing, since] = [far.doing, performance.now()];
    const now = performance.now();
    if (now - told > TOLD_MS) {
      $("status").textContent = said(what, far, (now - began) / 1000, (now - since) / 1000);
      told = now;
    }
    $("share").hidden = !far?.share;
    $("share").value = far?.share ?? 0;
  };
  $("error").hidden = $("ask-token").hidden = true;
  $("status-row").hidden = false;
  $("status-row").scrollIntoView({ block: "nearest" });
  $("open").setAttribute("aria-busy", "true");
  tell();
  const timer = setInterval(tell, 1000);
  try {
    const got = await task(own.signal);
    if (got) await show(got);
  } catch (error) {
    if (error.name !== "AbortError") explain(error);
  } finally {
    clearInterval(timer);
    if (work === own) {
      work = null;
      $("status-row").hidden = true;
      $("share").hidden = true;
      $("open").removeAttribute("aria-busy");
    }
  }
}

/** Say what is being done, how far it is, and how long the rest takes. */
function said(what, far, seconds, since) {
  if (seconds < 2) return `${what} …`;
  if (!far?.share && !far?.ahead) return `${what} … ${clock(seconds)}`;
  if (far.ahead) return `${what}: waiting, ${far.ahead} ahead … ${clock(seconds)}`;
  const left = (since * (1 - far.share)) / far.share;
  const rest = since > 3 && far.share > 0.02 ? `, about ${remaining(left)} left` : "";
  const verb = far.doing === "upload" ? what.replace("Denoising", "Sending") : what;
  return `${verb}: ${number(100 * far.share, 0)} %${rest}`;
}

async function checkSize() {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const most = (await limits().catch(() => null))?.megabytes;
  if (most && size > most * 1e6) {
    throw new ServiceError(413, `The files have ${number(size / 1e6)} MB; the limit is ${most} MB.`);
  }
}

function explain(error) {
  if (error.status === 401) {
    $("ask-token").hidden = false;
    $("ask-token").elements.token.focus();
    if (!token.get()) return;
  }
  $("error").textContent = error.message;
  $("error").hidden = false;
  $("error").scrollIntoView({ block: "nearest" }); // it may be far above a result
  if (!(error instanceof ServiceError)) console.error(error);
  const fields = error.needs.map((name) => $("hints").elements[name]).filter(Boolean);
  for (const field of fields) field.setAttribute("aria-invalid", "true");
  if (fields.length) {
    fields[0].closest("details").open = true;
    fields[0].focus();
  }
}

// ---- show ----------------------------------------------------------------------------------

async function show(got) {
  edited = false;
  for (const field of $("hints").elements) field.removeAttribute("aria-invalid");
  if (saved) URL.revokeObjectURL(saved);
  leave();
  long = got.pieces?.name ?? "";
  saved = long ? "" : URL.createObjectURL(got.file);
  $("save").href = saved || held.file(long);
  $("save").download = got.name;
  const signals = long && new Pieces(got, (...place) => held.tile(long, ...place), () => viewer.chart?.redraw(), explain);
  await viewer.show(got, signals || undefined);
}

/** Let the service forget the long recording that was shown. */
function leave() {
  if (long) held.leave(long);
  long = "";
}

// ---- what one can do -----------------------------------------------------------------------

$("files").addEventListener("change", (event) => open(event.target.files));
$("example").addEventListener("click", openExample);
setInterval(() => long && held.here(long).catch(() => null), HERE_MS);
window.addEventListener("pagehide", leave);
$("cancel").addEventListener("click", () => work?.abort());
$("hints").addEventListener("input", () => (edited = true));
$("hints").addEventListener("submit", (event) => {
  event.preventDefault();
  open(files);
});
$("ask-token").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(event.target.elements.token.value.trim());
  event.target.hidden = true;
  if (files.length) open(files);
  else openExample();
});

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("is-dropping");
  });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === "drop" || !event.relatedTarget) document.body.classList.remove("is-dropping");
  });
}
document.addEventListener("drop", (event) => open(event.dataTransfer.files));

if (!["127.0.0.1", "localhost", "[::1]"].includes(location.hostname)) {
  $("where").textContent = `to the service at ${location.hostname}`;
}
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  token.set(given);
  history.replaceState(null, "", location.pathname);
}
