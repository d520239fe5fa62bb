import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { caughtUpWords, formatClock, formatDuration } from '../../lib/format';
import { standing } from '../../lib/words';
import type { RunSession } from '../../session/run-session';
import { Button } from '../../ui/button';
import { Icon, type IconName } from '../../ui/icon';
import { useNow } from '../../ui/use-now';
import styles from './banners.module.css';

const BACK_SHOWN_MS = 8000;
/** A shorter absence nobody has seen. */
const WORTH_SAYING_MS = 500;
/** A first connection is given this long before it is worth a sentence. */
const PATIENCE_MS = 1200;

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

type Tone = 'good' | 'warn' | 'bad' | 'calm';

interface BannerProps {
  tone: Tone;
  icon: IconName;
  testId: string;
  tools?: ReactNode;
  children: ReactNode;
}

function Banner({ tone, icon, testId, tools, children }: BannerProps) {
  return (
    <div className={[styles.banner, styles[tone]].join(' ')} data-testid={testId}>
      <Icon name={icon} />
      <span>{children}</span>
      {tools}
    </div>
  );
}

function LinkBanner({ session }: { session: RunSession }) {
  const link = useStore(session.store, (page) => page.link);
  const lostAtMs = useStore(session.store, (page) => page.lostAtMs);
  const back = useStore(session.store, (page) => page.back);
  const now = useNow(link.phase !== 'live' || back !== null);
  if (link.phase === 'closed' && link.reason !== '') {
    return (
      <Banner tone="bad" icon="warning" testId="banner-link">
        {link.reason}
      </Banner>
    );
  }
  if (link.phase === 'live') {
    if (back === null || back.awayMs < WORTH_SAYING_MS || now - back.atMs > BACK_SHOWN_MS) return null;
    const away = formatDuration(back.awayMs / 1000);
    return (
      <Banner tone="good" icon="tick" testId="banner-back">
        Connected again after {away}.{' '}
        <small>
          {back.reset
            ? 'The server’s store is another one: the page started over.'
            : `${sentence(caughtUpWords(back.events))}.`}
        </small>
      </Banner>
    );
  }
  if (lostAtMs === null || (!link.everLive && now - lostAtMs < PATIENCE_MS)) return null;
  const since = formatDuration(Math.max(0, now - lostAtMs) / 1000);
  return (
    <Banner
      tone="bad"
      icon="warning"
      testId="banner-link"
      tools={<Button onClick={() => session.retryNow()}>Try now</Button>}
    >
      {link.everLive
        ? `${link.reason || 'The connection to the server was lost.'} `
        : 'The server cannot be reached. '}
      <small>
        {link.everLive ? `What you see is as of ${formatClock(lostAtMs)}, ${since} ago. ` : ''}
        Trying again, {link.attempt} {link.attempt === 1 ? 'time' : 'times'} so far.
      </small>
    </Banner>
  );
}

function TrainerBanner({ session }: { session: RunSession }) {
  const run = useStore(session.store, (page) => page.run);
  const live = useStore(session.store, (page) => page.link.phase === 'live');
  const now = useNow(run?.contact === 'stale' || run?.contact === 'lost');
  if (run === null || !live) return null;
  const silentFor = formatDuration(Math.max(0, now - run.lastHeardMs) / 1000);
  const { word, tone, explanation } = standing(run.status, run.contact, silentFor, run.message);
  if (explanation === '') return null;
  const shown: Tone = tone === 'busy' ? 'calm' : tone;
  return (
    <Banner tone={shown} icon={shown === 'good' ? 'tick' : 'warning'} testId="banner-trainer">
      {word}. <small>{explanation}</small>
    </Banner>
  );
}

/** What needs saying in a sentence, said also to those who listen. */
export function Banners({ session }: { session: RunSession }) {
  return (
    <div className={styles.stack} role="status" aria-live="polite">
      <LinkBanner session={session} />
      <TrainerBanner session={session} />
    </div>
  );
}
