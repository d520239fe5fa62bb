import { expect, it } from 'vitest';
import { offered, rangeWords, takesWords, titleOf, type Control, type Parameter } from './controls';

const parameter = (change: Partial<Parameter>): Parameter => ({
  name: 'learning_rate',
  kind: 'float',
  minimum: null,
  maximum: null,
  default: '',
  choices: [],
  ...change,
});

it('offers what was declared and nothing else', () => {
  expect(offered([])).toEqual({
    pause: false,
    resume: false,
    stop: false,
    settings: [],
    custom: [],
    impossible: '',
  });
  const sample: Control = { verb: 'sample_now', title: 'Sample', parameters: [] };
  const rate = parameter({});
  const offer = offered([
    { verb: 'stop', title: '', parameters: [] },
    { verb: 'set', title: '', parameters: [rate] },
    sample,
  ]);
  expect(offer).toEqual({
    pause: false,
    resume: false,
    stop: true,
    settings: [rate],
    custom: [sample],
    impossible: '',
  });
});

it('does not offer what cannot be done', () => {
  const offer = offered([
    { verb: 'stop', title: '', parameters: [], impossible: '' },
    { verb: 'pause', title: '', parameters: [], impossible: 'OneTrainer cannot pause.' },
    { verb: 'fly', title: '', parameters: [], impossible: 'It has no wings.' },
  ]);
  expect(offer).toEqual({
    pause: false,
    resume: false,
    stop: true,
    settings: [],
    custom: [],
    impossible: '',
  });
});

it('says why nothing at all can be done', () => {
  const why = 'its loop does not call monitor.sync';
  const none = (verb: string) => ({ verb, title: '', parameters: [], impossible: why });
  expect(offered([none('pause'), none('set')]).impossible).toBe(why);
  expect(offered([none('pause'), { ...none('stop'), impossible: '' }]).impossible).toBe('');
});

it('scales and undoes only a rate that livetrain keeps', () => {
  expect(takesWords(parameter({ default: '0.1' }))).toBe(true);
  expect(takesWords(parameter({ name: 'learning_rate/1', default: '0.1' }))).toBe(true);
  expect(takesWords(parameter({}))).toBe(false);
  expect(takesWords(parameter({ name: 'batch_size', default: '32' }))).toBe(false);
});

it('says names and ranges in words', () => {
  expect(titleOf('learning_rate')).toBe('Learning rate');
  expect(titleOf('learning_rate/group1')).toBe('Learning rate, group 1');
  expect(titleOf('learning_rate/2/group0')).toBe('Learning rate, optimizer 2, group 0');
  expect(rangeWords(parameter({ minimum: 0, maximum: 10 }))).toBe('0 to 10');
  expect(rangeWords(parameter({ minimum: 1 }))).toBe('1 or more');
  expect(rangeWords(parameter({ maximum: 2 ** 40 }))).toBe('1.099511627776e12 or less');
  expect(rangeWords(parameter({}))).toBe('');
});
