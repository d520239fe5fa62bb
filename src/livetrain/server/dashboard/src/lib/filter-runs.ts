/** Every word of the filter must be found in the run's name, project, status or id. */
interface Findable {
  runId: string;
  name: string;
  project: string;
  status: string;
}

export function filterRuns<T extends Findable>(rows: readonly T[], filter: string): T[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(({ runId, name, project, status }) => {
    const text = `${name} ${project} ${status} ${runId}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
