// The page: a recording goes to the service, and what comes back is shown.

import { Chart } from "./chart.js";
import { showFacts, showRemarks, showUntrusted, showView } from "./facts.js";
import { clean, example, limits, ServiceError, token } from "./service.js";
import { clock, lasting, number } from "./words.js";

const $ = (id) => document.getElementById(id);
const KINDS = { 1: "both", 2: "before", 3: "after", 4: "removed" };
let chart = null;
let recording = null;
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
  await during(`Cleaning ${files.length === 1 ? files[0].name : `${files.length} files`}`, (signal) =>
    clean(files, options(), signal),
  );
}

async function openExample() {
  forgetHints();
  edited = false;
  let made = null;
  await during("Making the example", async (signal) => {
    made = [await example(signal)];
    return null;
  });
  if (made) await open(made);
}

function forgetHints() {
  for (const field of ["fs", "unit", "column", "time_column"]) $("hints").elements[field].value = "";
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
  $("open").setAttribute("aria-busy", "true");
  tell();
  const timer = setInterval(tell, 5000); // a screen reader says it each time
  try {
    await checkSize();
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
    throw new ServiceError(413, `${number(size / 1e6)} MB are too large: ${most} MB may be.`);
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
  if (!(error instanceof ServiceError)) console.error(error);
  const field = error.needs && $("hints").elements[error.needs.replace("-", "_")];
  if (field) {
    field.closest("details").open = true;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

// ---- show ----------------------------------------------------------------------------------

async function show(got) {
  recording = got;
  edited = false;
  for (const field of $("hints").elements) field.removeAttribute("aria-invalid");
  document.body.classList.add("has-result");
  $("result").hidden = false;
  $("recording").textContent = got.recording;
  const leads = `${got.leads.length} ${got.leads.length === 1 ? "lead" : "leads"}`;
  const about = [lasting(got.samples / got.fs), `${+got.fs.toFixed(3)} Hz`, leads];
  $("about").textContent = `${about.join(" · ")} · cleaned by ${got.model}`;
  if (saved) URL.revokeObjectURL(saved);
  saved = URL.createObjectURL(got.file);
  $("save").href = saved;
  $("save").download = got.name;
  $("lead").replaceChildren(...got.leads.map((name, i) => new Option(name, i)));
  showRemarks($("remarks"), got.remarks);
  $("recording").focus();
  if (!chart) {
    chart = new Chart($("chart"), $("overview"), viewChanged, pointed);
    await chart.start();
  }
  chart.open(got);
  showLead(0);
}

function showLead(index) {
  chart.lead(index);
  $("chart").setAttribute("aria-label", `Lead ${recording.leads[index]} before and after`);
  showFacts($("facts"), recording, index);
  showUntrusted(chart.doubtful, recording, (start) => {
    chart.go(start - 1);
    $("chart").focus();
  });
}

function viewChanged(view) {
  const speed = Math.abs(view.speed - 25) < 0.3 ? "25" : number(view.speed, view.speed < 10 ? 1 : 0);
  const shifted = chart.offset ? ` · before is drawn ${number(-chart.offset)} mV shifted` : "";
  const digits = view.end - view.start < 60 ? 1 : 0;
  const where = `${clock(view.start, digits)} to ${clock(view.end, digits)}`;
  $("scale-text").textContent = `${where} · ${speed} mm/s · ${chart.gain} mm/mV${shifted}`;
  showView($("facts"), recording, chart.index, view);
}

function pointed(point) {
  $("reading").textContent = point
    ? `${clock(point.at, 2)} · before ${number(point.before, 2)} mV · after ${number(point.after, 2)} mV`
    : "";
}

// ---- what one can do -----------------------------------------------------------------------

const ACTIONS = {
  earlier: () => chart.move(-0.25),
  later: () => chart.move(0.25),
  in: () => chart.zoom(2),
  out: () => chart.zoom(0.5),
  paper: () => chart.paper(),
  level: () => chart.level(),
  all: () => chart.all(),
};

const KEYS = {
  ArrowLeft: (event) => chart.move(event.shiftKey ? -1 : -0.25),
  ArrowRight: (event) => chart.move(event.shiftKey ? 1 : 0.25),
  ArrowUp: () => chart.shift(5),
  ArrowDown: () => chart.shift(-5),
  PageUp: () => chart.move(-1),
  PageDown: () => chart.move(1),
  Home: () => chart.go(0),
  End: () => chart.go(Infinity),
  "+": () => chart.zoom(2),
  "=": () => chart.zoom(2),
  "-": () => chart.zoom(0.5),
  0: () => chart.paper(),
  a: () => chart.all(),
  c: () => chart.level(),
  n: () => chart.next(),
};

$("chart").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  const kind = KINDS[event.key];
  if (!action && !kind) return;
  event.preventDefault();
  if (action) action(event);
  else $(`show-${kind}`).click();
});

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => ACTIONS[button.dataset.do]());
}
for (const radio of document.querySelectorAll("[name=show]")) {
  radio.addEventListener("change", () => chart.show(radio.value));
}
$("gain").addEventListener("change", (event) => chart.scale(Number(event.target.value)));
$("lead").addEventListener("change", (event) => showLead(Number(event.target.value)));
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
window
  .matchMedia("(prefers-color-scheme: dark)")
  .addEventListener("change", () => chart?.colour());

if (!["127.0.0.1", "localhost", "[::1]"].includes(location.hostname)) {
  $("where").textContent = `to the service at ${location.hostname}`;
}
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  token.set(given);
  history.replaceState(null, "", location.pathname);
}
