/** What all charts of a page share: the part of the x axis in view. */
import { create } from 'zustand';
import type { Range } from '../lib/zoom';

interface ChartView {
  range: Range | null;
  setRange: (range: Range | null) => void;
}

export const useChartView = create<ChartView>()((set) => ({
  range: null,
  setRange: (range) => set({ range }),
}));
