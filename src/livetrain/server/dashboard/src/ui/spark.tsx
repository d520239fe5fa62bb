import { sparkPath, type Spark as Curve } from '../lib/spark';

/** A curve at a glance; a decoration, for the words stand beside it. */
export function Spark({ curve }: { curve: Curve }) {
  return (
    <svg width={96} height={24} viewBox="-2 -2 100 28" aria-hidden="true" preserveAspectRatio="none">
      <path
        d={sparkPath(curve, 96, 24)}
        fill="none"
        stroke="var(--series-1)"
        strokeWidth={1.5}
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
