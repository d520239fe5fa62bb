import { describe, expect, it } from 'vitest';
import { backoffMs, initialLink, step, type Link, type LinkAction, type LinkEvent } from './reconnect';

function run(events: LinkEvent[], random = 0.5): { link: Link; actions: LinkAction[] } {
  let link = initialLink;
  let actions: LinkAction[] = [];
  for (const event of events) [link, actions] = step(link, event, random);
  return { link, actions };
}

const lost = (code: number): LinkEvent => ({ type: 'lost', code, reason: '' });

describe('reconnect', () => {
  it('connects, and is live with the first message', () => {
    expect(run([{ type: 'start' }]).actions).toEqual([{ do: 'connect' }]);
    expect(run([{ type: 'start' }, { type: 'ready' }]).link).toMatchObject({ phase: 'live', everLive: true });
  });

  it('waits after a loss and comes again when the wait is over', () => {
    const waiting = run([{ type: 'start' }, { type: 'ready' }, lost(1006)]);
    expect(waiting.link.phase).toBe('waiting');
    expect(waiting.actions).toEqual([{ do: 'close' }, { do: 'wait', ms: 125 }]);
    expect(run([{ type: 'start' }, lost(1006), { type: 'due' }]).actions).toEqual([{ do: 'connect' }]);
  });

  it('comes at once when the machine is online again, and only then', () => {
    expect(run([{ type: 'start' }, lost(1006), { type: 'wake' }]).actions).toEqual([{ do: 'connect' }]);
    expect(run([{ type: 'start' }, { type: 'ready' }, { type: 'wake' }]).actions).toEqual([]);
  });

  it('never waits longer than two seconds, and spreads the waits', () => {
    for (let attempt = 0; attempt < 50; attempt++) {
      expect(backoffMs(attempt, 0.999999)).toBeLessThanOrEqual(2000);
      expect(backoffMs(attempt, 0)).toBe(0);
    }
    expect(backoffMs(1, 0.9)).toBeGreaterThan(backoffMs(0, 0.9));
  });

  it('begins again with short waits once it has been live', () => {
    const rounds: LinkEvent[] = [{ type: 'start' }];
    for (let i = 0; i < 6; i++) rounds.push(lost(1006), { type: 'due' });
    expect(run(rounds).link.attempt).toBe(6);
    expect(run([...rounds, { type: 'ready' }, lost(1006)]).link.attempt).toBe(1);
  });

  it.each([
    [4004, /no such run/],
    [4001, /not allowed/],
  ])('does not come again after close code %d', (code, reason) => {
    const { link, actions } = run([{ type: 'start' }, { type: 'ready' }, lost(code)]);
    expect(link.phase).toBe('closed');
    expect(link.reason).toMatch(reason);
    expect(actions).toEqual([{ do: 'close' }]);
    expect(step(link, { type: 'wake' }, 0)).toEqual([link, []]);
  });

  it.each([
    [1012, /restarting/],
    [4000, /come again/],
    [1006, /lost/],
  ])('comes again after close code %d, and says why', (code, reason) => {
    const { link } = run([{ type: 'start' }, { type: 'ready' }, lost(code)]);
    expect(link.phase).toBe('waiting');
    expect(link.reason).toMatch(reason);
  });

  it('keeps the first reason while tries fail', () => {
    const { link } = run([{ type: 'start' }, { type: 'ready' }, lost(1012), { type: 'due' }, lost(1006)]);
    expect(link.reason).toMatch(/restarting/);
  });

  it('calls it no restart when the server stays away', () => {
    const tries: LinkEvent[] = Array.from({ length: 12 }, () => [
      { type: 'due' } as const,
      lost(1006),
    ]).flat();
    const { link } = run([{ type: 'start' }, { type: 'ready' }, lost(1012), ...tries]);
    expect(link.phase).toBe('waiting');
    expect(link.reason).toMatch(/not come back/);
  });

  it('treats a silent link as lost, and a stopped one as closed', () => {
    expect(run([{ type: 'start' }, { type: 'ready' }, { type: 'silent' }]).link.phase).toBe('waiting');
    expect(run([{ type: 'start' }, { type: 'stop' }, lost(1006)]).link.phase).toBe('closed');
  });
});
