import { useState } from 'react';
import { useStore } from 'zustand';
import { noticesOf, type Notice } from '../../lib/notices';
import { lostWords } from '../../lib/ranks';
import type { RunSession } from '../../session/run-session';
import { useRanks } from '../../session/use-ranks';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Icon } from '../../ui/icon';
import { useNow } from '../../ui/use-now';
import styles from './banners.module.css';
import { RunLine } from './run-line';

function useNotices({ store }: RunSession): Notice[] {
  const link = useStore(store, (page) => page.link);
  const lostAtMs = useStore(store, (page) => page.lostAtMs);
  const back = useStore(store, (page) => page.back);
  const quietMs = useStore(store, (page) => page.quietMs);
  const run = useStore(store, (page) => page.run);
  const ahead = useStore(store, (page) => page.serverAheadMs);
  const { ranks, over } = useRanks(store);
  const silent = run?.contact === 'stale' || run?.contact === 'lost';
  const nowMs = useNow(link.phase !== 'live' || back !== null || silent);
  const lostRanks = over ? lostWords(ranks, over) : '';
  const serverNowMs = nowMs + (ahead ?? 0);
  return noticesOf({ link, lostAtMs, back, quietMs, run, lostRanks, nowMs, serverNowMs });
}

/** The sentences of the notices as they were when the last of them came or went. */
function useAnnounced(notices: readonly Notice[]): string {
  const keys = notices.map(({ key }) => key).join('\n');
  const [said, setSaid] = useState({ keys: '', text: '' });
  if (said.keys !== keys) {
    const text = notices.map(({ text, more }) => `${text} ${more}`).join(' ');
    setSaid({ keys, text });
  }
  return said.text;
}

/** A banner's name for tests: the matter, without what is said of it. */
const testId = ({ key }: Notice): string => `banner-${key.split(' ', 1)[0] ?? ''}`;

function Banner({ notice, session }: { notice: Notice; session: RunSession }) {
  const [whole, setWhole] = useState(false);
  const { key, tone, text, more, detail } = notice;
  return (
    <div className={[styles.banner, styles[tone]].join(' ')} data-testid={testId(notice)}>
      <Icon name={tone === 'good' ? 'tick' : 'warning'} />
      <span>
        {text} <small>{more}</small>
      </span>
      {key === 'link' && notice.more !== '' && <Button onClick={() => session.retryNow()}>Try now</Button>}
      {detail !== '' && (
        <>
          <Button onClick={() => setWhole(true)}>Details</Button>
          <Dialog title={text.replace(/\.$/, '')} wide open={whole} onClose={() => setWhole(false)}>
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must take the keys */}
            <pre className={styles.detail} data-testid="detail" tabIndex={0} data-first>
              {detail}
            </pre>
          </Dialog>
        </>
      )}
    </div>
  );
}

/**
 * What needs saying in a sentence, said also to those who listen. It has a place of its own, so that no message moves what is
 * below it: one notice is in view, and the others open over the page.
 */
export function Banners({ session }: { session: RunSession }) {
  const [open, setOpen] = useState(false);
  const notices = useNotices(session);
  const [first, ...others] = notices;
  const announced = useAnnounced(notices);
  return (
    <div className={styles.slot}>
      {/* Said once, as it comes; what is in view counts the seconds. */}
      <p className="sr-only" role="status">
        {announced}
      </p>
      <div className={styles.first}>
        {first ? (
          <Banner key={first.key} notice={first} session={session} />
        ) : (
          <RunLine store={session.store} />
        )}
        {others.length > 0 && (
          <Button aria-expanded={open} onClick={() => setOpen(!open)} data-testid="more-banners">
            {open ? 'Fewer' : `${others.length} more`}
          </Button>
        )}
      </div>
      <div className={open ? styles.others : 'sr-only'}>
        {others.map((notice) =>
          open ? (
            <Banner key={notice.key} notice={notice} session={session} />
          ) : (
            <p key={notice.key} data-testid={testId(notice)}>
              {notice.text} {notice.more}
            </p>
          ),
        )}
      </div>
    </div>
  );
}
