// A cleaned recording out of bytes; view.py says how they are laid out.

const MAGIC = "ECGV";

export function parse(buffer) {
  const bytes = new Uint8Array(buffer);
  const text = new TextDecoder();
  if (text.decode(bytes.subarray(0, 4)) !== MAGIC) throw new Error("Unexpected response: not an ECG view.");
  const length = new DataView(buffer).getUint32(4, true);
  const facts = JSON.parse(text.decode(bytes.subarray(8, 8 + length)));
  let at = 8 + length;
  const values = facts.pieces?.values ?? facts.samples;
  const next = () => {
    const signal = new Float32Array(buffer, at, values);
    at += Math.ceil((4 * values) / 8) * 8;
    return signal;
  };
  if (facts.pieces) {
    const tops = facts.leads.map(() => Array.from({ length: 6 }, next));
    return { ...facts, tops, name: facts.file.name };
  }
  const signals = facts.leads.map(() => ({ before: next(), after: next() }));
  const file = new Blob([bytes.subarray(at)], { type: facts.file.media });
  return { ...facts, signals, file, name: facts.file.name };
}
