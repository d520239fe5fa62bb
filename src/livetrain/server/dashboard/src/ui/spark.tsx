import { sparkPath } from '../lib/spark';

export function Spark({ values, label }: { values: readonly number[]; label: string }) {
  return (
    <svg
      width={96}
      height={24}
      viewBox="-1 -2 98 28"
      role="img"
      aria-label={label}
      preserveAspectRatio="none"
    >
      <path
        d={sparkPath(values, 96, 24)}
        fill="none"
        stroke="var(--series-1)"
        strokeWidth={1.5}
        strokeLinejoin="round"
      />
    </svg>
  );
}
