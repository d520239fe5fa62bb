/** A server that says something once a second and then nothing: how long it may be silent before that is worth saying. */

/** How often it says something, milliseconds. */
export const BEAT_MS = 1000;
/** The second beat is missing, with half a beat for what the way takes. */
const QUIET_MS = 2.5 * BEAT_MS;

/**
 * How long a server has been quiet, milliseconds; 0: it is not, or it is one that gives no beats.
 *
 * @param silentMs since anything came of it.
 */
export const quietMs = (silentMs: number, beats: boolean): number =>
  beats && silentMs >= QUIET_MS ? silentMs : 0;

/** "nothing for 3 s". */
export const quietWords = (ms: number): string => `nothing for ${Math.round(ms / 1000)} s`;
