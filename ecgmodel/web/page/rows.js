// Which lead is drawn where: one large, all below each other, or the sheet of twelve.

const SHEET_S = 10;
const NARROW_S = 5; // on a phone, where ten seconds would be too small to read
const RHYTHM = 1; // lead II, in the order of the standard

/** Return the layouts that a recording can be drawn in: [{value, text}]. */
export function layouts({ leads, standard }) {
  const found = [{ value: "lead", text: "One lead" }];
  if (leads.length > 1) found.push({ value: "stack", text: "All leads" });
  if (standard) found.push({ value: "sheet", text: "12 leads, 3 × 4" }, { value: "six", text: "12 leads, 6 × 2" });
  return found;
}

/**
 * Return where leads are drawn.
 * @param {string} layout One of `layouts`.
 * @param {object} recording Its `leads` are names, its `standard` the numbers of I, II, III, aVR,
 *     aVL, aVF and V1 to V6.
 * @param {number} lead What is drawn where there is one.
 * @param {boolean} isSmall Whether the screen is that of a phone.
 * @returns {object} rows, their height (mm), the seconds of a sheet (0 for any), and the traces:
 *     each a lead in a row, from and to a share of what is seen.
 */
export function arrange(layout, { leads, standard }, lead, isSmall) {
  if (layout === "stack") {
    const traces = leads.map((_, number) => ({ lead: number, row: number, from: 0, to: 1 }));
    const height = leads.length < 4 ? 35 : leads.length < 7 ? 25 : 18;
    return { rows: leads.length, height, seconds: 0, traces };
  }
  if (layout === "sheet" && standard) return sheet(standard, 3, 25, SHEET_S);
  if (layout === "six" && standard) return sheet(standard, 6, 20, isSmall ? NARROW_S : SHEET_S);
  return { rows: 1, height: isSmall ? 80 : 100, seconds: 0, traces: [{ lead, row: 0, from: 0, to: 1 }] };
}

/** Columns that follow each other in time, as on paper, over a rhythm strip. */
function sheet(standard, high, height, seconds) {
  const columns = standard.length / high;
  const traces = standard.map((lead, place) => {
    const column = Math.floor(place / high);
    return { lead, row: place % high, from: column / columns, to: (column + 1) / columns };
  });
  traces.push({ lead: standard[RHYTHM], row: high, from: 0, to: 1 });
  return { rows: high + 1, height, seconds, traces };
}
