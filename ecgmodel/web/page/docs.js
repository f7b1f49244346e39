// The interface for programs, as openapi.json describes it.

import { element } from "./element.js";
import { described, token } from "./service.js";

const $ = (id) => document.getElementById(id);
const EXAMPLES = {
  "/denoise": [
    ["A WFDB record; the answer is a zip", "curl -F file=@100.hea -F file=@100.dat -F file=@100.atr ADDRESS/denoise -o 100.zip"],
    [
      "A table, with what it does not say",
      "curl -H 'Content-Type: text/csv' --data-binary @night.csv \\\n  'ADDRESS/denoise?fs=250&unit=mV&column=II' -o night-clean.csv",
    ],
    [
      "Any other file, by its name",
      "curl -H 'Content-Type: application/octet-stream' --data-binary @holter.edf \\\n  'ADDRESS/denoise?name=holter.edf' -o holter-clean.edf",
    ],
    ["A signal; the answer also has the quality of every 10 s", "curl --json '{\"signal\": [0.02, 0.05, 0.31, null], \"fs\": 250}' ADDRESS/denoise"],
  ],
};

async function show() {
  let said;
  try {
    said = await described();
  } catch (error) {
    $("ask-token").hidden = error.status !== 401;
    $("error").hidden = error.status === 401 && !token.get();
    $("error").textContent = error.message;
    return;
  }
  $("ask-token").hidden = $("error").hidden = true;
  $("described").textContent = said.info.description;
  const parts = Object.entries(said.paths).flatMap(([path, ways]) =>
    Object.entries(ways).filter(([way]) => way !== "head").map(([way, told]) => operation(path, way, told)),
  );
  $("paths").replaceChildren(...parts);
}

function operation(path, way, told) {
  const made = element("section");
  const title = element("h2");
  title.append(element("code", `${way.toUpperCase()} ${path}`));
  made.append(title, element("p", told.summary ?? ""));
  const { parameters = [], requestBody: body, responses } = told;
  if (parameters.length) {
    made.append(element("h3", "Query"), table(["Name", "Type", "Meaning"], parameters.map(parameter)));
  }
  if (body) {
    made.append(element("h3", "Body"), element("p", body.description));
    made.append(table(["Content-Type", "Content"], Object.entries(body.content).map(content)));
  }
  made.append(element("h3", "Answers"), table(["Status", "Meaning"], Object.entries(responses).map(answer)));
  for (const [what, line] of EXAMPLES[path] ?? []) {
    const code = element("pre");
    code.append(element("code", line.replaceAll("ADDRESS", location.origin)));
    code.tabIndex = 0; // it may have to be scrolled
    made.append(element("h3", what), code);
  }
  return made;
}

function parameter({ name, schema, description, required }) {
  const meaning = description ?? schema.description ?? "";
  return [name, type(schema), required ? `${meaning} Required.` : meaning];
}

function content([media, { schema }]) {
  if (media === "application/json") {
    const fields = Object.entries(schema.properties).map(([name, own]) => {
      const needed = schema.required.includes(name) ? ", required" : "";
      return `${name} (${type(own)}${needed}) ${own.description ?? ""}`.trim();
    });
    return [media, `an object: ${fields.join("; ")}`];
  }
  return [media, schema.type === "object" ? `a form: ${Object.keys(schema.properties).join(", ")}, each a file` : "the file itself"];
}

const answer = ([status, { description }]) => [status, description];

/** Return a type in words: of several, all but null. */
function type(schema) {
  if (schema.enum) return schema.enum.join(" or ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map(type))].filter((one) => one !== "null").join(" or ");
  if (schema.type === "array") return `list of ${type(schema.items)}`;
  return Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type;
}

function table(names, rows) {
  const wide = element("div");
  wide.className = "wide";
  wide.tabIndex = 0;
  wide.setAttribute("role", "region");
  wide.setAttribute("aria-label", names.join(", "));
  const made = element("table");
  const [head, body] = [element("thead"), element("tbody")];
  const cells = (texts, tag) => {
    const row = element("tr");
    row.append(...texts.map((text) => element(tag, text)));
    return row;
  };
  head.append(cells(names, "th"));
  body.append(...rows.map((row) => cells(row, "td")));
  made.append(head, body);
  wide.append(made);
  return wide;
}

$("ask-token").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(event.target.elements.token.value.trim());
  show();
});
show();
