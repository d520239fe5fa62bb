/**
 * What an object holds under a name that somebody else chose. A plain lookup finds more than that: every object answers to
 * "constructor" and "__proto__".
 */
export function own<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
