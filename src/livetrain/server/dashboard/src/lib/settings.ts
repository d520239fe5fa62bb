/** The user's own settings, a JSON object in a string, as rows to read. Nested ones get dotted names. */

export interface Setting {
  name: string;
  value: string;
}

/** A text, a number or one of Python's words for what JSON has no number for. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|NaN|-?Infinity/g;

/** Numbers that a double does not hold, such as a seed of twenty digits, as texts: they are shown as they were given. */
const withExactNumbers = (json: string): string =>
  json.replace(TOKENS, (token) => (/^(-?\d{16,}|NaN|-?Infinity)$/.test(token) ? `"${token}"` : token));

export function settingRows(json: string): Setting[] {
  if (json === '') return [];
  const rows: Setting[] = [];
  const walk = (name: string, value: unknown): void => {
    const inner =
      typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
    if (inner.length === 0) {
      rows.push({
        name: name || 'settings',
        value: typeof value === 'string' ? value : JSON.stringify(value),
      });
    }
    for (const [key, one] of inner) walk(name === '' ? key : `${name}.${key}`, one);
  };
  try {
    const parsed: unknown = JSON.parse(withExactNumbers(json));
    if (isEmpty(parsed)) return [];
    walk('', parsed);
  } catch {
    // No JSON, or nested too deep to be read: as it is.
    return [{ name: 'settings', value: json }];
  }
  return rows;
}

const isEmpty = (parsed: unknown): boolean =>
  parsed === null || (typeof parsed === 'object' && Object.keys(parsed).length === 0);

/** Those in whose name or value every word of the search is found. */
export function searchSettings(rows: readonly Setting[], search: string): readonly Setting[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter(({ name, value }) => {
    const text = `${name} ${value}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
