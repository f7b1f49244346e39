// What the page asks of the service, and what comes back.

import { parse } from "./view.js";

export class ServiceError extends Error {
  constructor(status, message, needs = []) {
    super(message);
    this.status = status;
    this.needs = needs;
  }
}

/** The token: from the address, where it is taken away, or as it was typed. */
export const token = {
  get: () => sessionStorage.getItem("token") ?? "",
  set: (value) => sessionStorage.setItem("token", value),
};

export async function clean(files, options, signal) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  const query = new URLSearchParams(options);
  return parse(await ask(`/view?${query}`, { method: "POST", body: form, signal }));
}

/** Return how far work is, {doing, share, ahead}, or null where the service does not know it. */
export async function progress(work) {
  const answer = await fetch(`/work/${work}`).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

/** What the page asks of a long recording that stays with the service. */
export const held = {
  tile: (name, step, tile, leads) => ask(`/view/${name}/${step}/${tile}?leads=${leads.join(",")}`, {}),
  file: (name) => `/view/${name}/file`,
  here: (name) => ask(`/view/${name}`, {}),
  leave: (name) => fetch(`/view/${name}`, { method: "DELETE", keepalive: true }).catch(() => null),
};

export async function example(signal) {
  const bytes = await ask("/example.zip", { signal });
  return new File([bytes], "example.zip", { type: "application/zip" });
}

/** Return what openapi.json says. */
export async function described() {
  return JSON.parse(new TextDecoder().decode(await ask("/openapi.json", {})));
}

export async function limits() {
  const answer = await fetch("/health");
  return (await answer.json()).limits;
}

async function ask(address, request) {
  const headers = token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
  let answer;
  try {
    answer = await fetch(address, { ...request, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The service does not respond. Check that `ecg-denoise web` is still running.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new ServiceError(answer.status, said.error ?? `The service failed with status ${answer.status}.`, said.needs);
  }
  return answer.arrayBuffer();
}
