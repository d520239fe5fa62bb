import { expect, it } from 'vitest';
import { filterRuns } from './filter-runs';

it('filters runs by every word, wherever it stands', () => {
  const rows = [
    { runId: 'a1', name: 'ResNet digits', project: 'vision', status: 'running' },
    { runId: 'b2', name: 'lora', project: 'diffusion', status: 'failed' },
  ];
  expect(filterRuns(rows, 'vision RESNET').map(({ runId }) => runId)).toEqual(['a1']);
  expect(filterRuns(rows, ' ')).toHaveLength(2);
  expect(filterRuns(rows, 'vision failed')).toEqual([]);
});
