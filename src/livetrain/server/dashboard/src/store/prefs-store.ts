/** What a person chose, kept in this browser. */
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import type { Axis } from '../lib/curves/axis';

export type Theme = 'system' | 'light' | 'dark';
export type Order = 'drawn' | 'worst';

export interface Prefs {
  theme: Theme;
  order: Order;
  /** Pictures that use few of their levels are stretched. */
  contrast: boolean;
  /** How strongly curves are smoothed: 0 is not at all, each further notch doubles the extent. */
  smoothing: number;
  log: boolean;
  axis: Axis;
  /** Charts switched on or off by hand, by group key. */
  charts: Record<string, boolean>;
  /** Who gives commands here; null: not asked yet, empty: no answer. */
  name: string | null;
  set: (change: Partial<Omit<Prefs, 'set'>>) => void;
}

export const usePrefs = create<Prefs>()(
  persist(
    (set) => ({
      theme: 'system',
      order: 'drawn',
      contrast: false,
      smoothing: 1,
      log: false,
      axis: 'step',
      charts: {},
      name: null,
      set: (change) => set(change),
    }),
    {
      name: 'livetrain',
      version: 2,
      migrate: (stored, version) => {
        const prefs = stored as Prefs;
        // Once it was a share of what had been before.
        return version < 2 ? { ...prefs, smoothing: prefs.smoothing > 0 ? 1 : 0 } : prefs;
      },
    },
  ),
);
