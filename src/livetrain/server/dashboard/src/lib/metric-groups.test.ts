import { expect, it } from 'vitest';
import { findGroups, metricGroups, seriesLabel } from './metric-groups';

it('puts the stages of one metric on one chart, loss first and the machine last', () => {
  const groups = metricGroups([
    'system/cpu_percent',
    'val/loss',
    'grad_norm',
    'accuracy',
    'learning_rate',
    'epoch/loss',
    'loss',
    'train_loss',
  ]);
  expect(groups.map(({ key }) => key)).toEqual([
    'loss',
    'accuracy',
    'learning_rate',
    'grad_norm',
    'system/cpu_percent',
  ]);
  expect(groups[0]?.names).toEqual(['loss', 'val/loss', 'epoch/loss', 'train_loss']);
  expect(groups.filter(({ shown }) => !shown).map(({ key }) => key)).toEqual(['system/cpu_percent']);
  expect(groups.filter(({ exact }) => exact).map(({ key }) => key)).toEqual(['learning_rate']);
});

it('keeps the other ranks apart from the run itself, and out of the way', () => {
  const groups = metricGroups(['loss', 'rank1/loss', 'rank2/loss', 'rank1/perf/fps', 'perf/fps']);
  expect(groups.map(({ key, names, shown }) => [key, names, shown])).toEqual([
    ['loss', ['loss'], true],
    ['perf/fps', ['perf/fps'], false],
    ['ranks/loss', ['rank1/loss', 'rank2/loss'], false],
    ['ranks/perf/fps', ['rank1/perf/fps'], false],
  ]);
  expect(groups[2]?.title).toBe('Loss, other ranks');
  expect(seriesLabel('rank12/loss')).toBe('rank 12');
});

it('does not lose a metric that is named like a stage', () => {
  expect(metricGroups(['epoch']).map(({ key }) => key)).toEqual(['epoch']);
});

it.each([
  ['loss', 'batch'],
  ['val/loss', 'validation'],
  ['epoch/accuracy', 'epoch mean'],
  ['train_loss', 'train'],
  ['system/cpu_percent', 'cpu_percent'],
])('calls %s in its chart %s', (name, label) => {
  expect(seriesLabel(name)).toBe(label);
});

it('takes any name', () => {
  const names = ['__proto__', 'constructor', 'a|b', 'x'.repeat(500), '<img src=x onerror=alert(1)>'];
  const groups = metricGroups(names);
  expect(groups.flatMap((group) => group.names).sort()).toEqual([...names].sort());
  expect(groups.map(({ title, key }) => title === key)).toEqual(names.map(() => true));
  expect(findGroups(groups, 'a|b').map(({ key }) => key)).toContain('a|b');
  expect(findGroups(groups, 'no(such')).toEqual([]);
});
