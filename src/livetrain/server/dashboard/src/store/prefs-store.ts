/** What a person chose, kept in this browser. */
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import type { Axis } from '../lib/plot-data';

export type Theme = 'system' | 'light' | 'dark';
export type Order = 'drawn' | 'worst';

export interface Prefs {
  theme: Theme;
  order: Order;
  /** Pictures that use few of their levels are stretched. */
  contrast: boolean;
  /** 0 to 0.99. */
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
      smoothing: 0.8,
      log: false,
      axis: 'step',
      charts: {},
      name: null,
      set: (change) => set(change),
    }),
    { name: 'livetrain', version: 1 },
  ),
);
