/** The user's own settings, a JSON object in a string, as rows to read. Nested ones get dotted names. */
export function settingRows(json: string): [string, string][] {
  if (json === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return [['settings', json]];
  }
  const rows: [string, string][] = [];
  const walk = (name: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(name === '' ? key : `${name}.${key}`, inner);
    } else {
      rows.push([name || 'settings', typeof value === 'string' ? value : JSON.stringify(value)]);
    }
  };
  walk('', parsed);
  return rows;
}
