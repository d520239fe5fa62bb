import { underWay } from '../lib/steering';
import { Button } from '../ui/button';
import { useShortcuts } from '../ui/use-shortcuts';
import { give } from './give';
import type { Steering } from './use-steering';

/** One toggle that shows how the training really stands, not what was last asked for. */
export function PauseButton({ steering }: { steering: Steering }) {
  const { session, offer, commands, reason, paused } = steering;
  const verb = paused ? 'resume' : 'pause';
  const pending = underWay(commands, ['pause', 'resume']);
  const allowed = offer[verb] && reason === '' && pending === undefined;
  const toggle = () => {
    if (allowed) give(session, verb);
  };
  useShortcuts({ p: toggle });
  if (!offer[verb] && pending === undefined) return null;
  const words = pending?.verb === 'pause' ? 'Pausing …' : 'Resuming …';
  return (
    <Button
      icon={paused ? 'play' : 'hold'}
      data-testid="steer-pause"
      aria-busy={pending !== undefined}
      aria-keyshortcuts="p"
      disabled={!allowed}
      onClick={toggle}
    >
      {pending ? words : paused ? 'Resume' : 'Pause'}
    </Button>
  );
}
