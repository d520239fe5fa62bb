import { Tooltip } from 'radix-ui';
import { useEffect, useState } from 'react';
import { Link, Route, Switch, useRoute } from 'wouter';
import { RunSession } from '../session/run-session';
import { usePrefs, type Theme } from '../store/prefs-store';
import { ErrorBoundary } from '../ui/error-boundary';
import { HelpDialog } from '../ui/help-dialog';
import { useShortcuts } from '../ui/use-shortcuts';
import { Header } from './header';
import { RunPage } from './run/run-page';
import { RunsPage } from './runs-page';
import styles from './runs-page.module.css';

const NEXT_THEME: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };

/** The session of the run in the address; opened and closed with it. */
function useSession(runId: string | null): RunSession | null {
  const [session, setSession] = useState<RunSession | null>(null);
  useEffect(() => {
    if (runId === null) return;
    const opened = new RunSession(runId);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- a session is an outside system: it is opened here
    setSession(opened);
    return () => {
      opened.close();
      setSession(null);
    };
  }, [runId]);
  return session?.runId === runId ? session : null;
}

export function App() {
  const [, parameters] = useRoute<{ runId: string }>('/runs/:runId');
  const session = useSession(parameters?.runId ?? null);
  const [help, setHelp] = useState(false);
  useShortcuts({
    '?': () => setHelp(true),
    t: () => usePrefs.setState(({ theme }) => ({ theme: NEXT_THEME[theme] })),
  });
  return (
    <Tooltip.Provider delayDuration={300}>
      <ErrorBoundary what="the header">
        <Header session={session} onHelp={() => setHelp(true)} />
      </ErrorBoundary>
      <ErrorBoundary key={parameters?.runId ?? ''} what="this page">
        <Switch>
          <Route path="/">
            <RunsPage />
          </Route>
          <Route path="/runs/:runId">{session && <RunPage key={session.runId} session={session} />}</Route>
          <Route>
            <main className={styles.page}>
              <h1>Nothing here</h1>
              <p className={styles.quiet}>
                This address leads nowhere. <Link href="/">All runs</Link>
              </p>
            </main>
          </Route>
        </Switch>
      </ErrorBoundary>
      <HelpDialog open={help} onClose={() => setHelp(false)} />
    </Tooltip.Provider>
  );
}
