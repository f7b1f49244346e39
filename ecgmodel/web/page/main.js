// The page: a recording goes to the service, and what comes back is shown.

import { clean, example, limits, ServiceError, token } from "./service.js";
import { Viewer } from "./viewer.js";
import { clock, number } from "./words.js";

const $ = (id) => document.getElementById(id);
const viewer = new Viewer();
let files = [];
let saved = "";
let work = null;
let edited = false; // whether what is said of the file was said since the last one

// ---- open and clean ------------------------------------------------------------------------

async function open(chosen) {
  if (!chosen.length) return;
  const isNew = [...chosen].some((file) => !files.includes(file));
  if (isNew && !edited) forgetHints();
  files = [...chosen];
  $("again").disabled = false;
  await during(`Denoising ${files.length === 1 ? files[0].name : `${files.length} files`}`, async (signal) => {
    await checkSize();
    return clean(files, options(), signal);
  });
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

/** Do something that takes its time, and say so; what it gives is shown, if anything. */
async function during(what, task) {
  work?.abort();
  const own = (work = new AbortController());
  const began = performance.now();
  const tell = () => {
    const seconds = Math.round((performance.now() - began) / 1000);
    $("status").textContent = seconds < 3 ? `${what} …` : `${what} … ${clock(seconds)}`;
  };
  $("error").hidden = $("ask-token").hidden = true;
  $("status-row").hidden = false;
  $("status-row").scrollIntoView({ block: "nearest" });
  $("open").setAttribute("aria-busy", "true");
  tell();
  const timer = setInterval(tell, 5000); // a screen reader says it each time
  try {
    const got = await task(own.signal);
    if (got) await show(got);
  } catch (error) {
    if (error.name !== "AbortError") explain(error);
  } finally {
    clearInterval(timer);
    if (work === own) {
      $("status-row").hidden = true;
      $("open").removeAttribute("aria-busy");
    }
  }
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
  saved = URL.createObjectURL(got.file);
  $("save").href = saved;
  $("save").download = got.name;
  await viewer.show(got);
}

// ---- what one can do -----------------------------------------------------------------------

$("files").addEventListener("change", (event) => open(event.target.files));
$("example").addEventListener("click", openExample);
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
