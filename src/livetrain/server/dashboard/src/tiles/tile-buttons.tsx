import { Popover } from 'radix-ui';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Geometry } from '../lib/mosaic-geometry';
import { describeTile } from '../lib/tile';
import { TILES } from '../lib/tiles-of';
import type { RunSession } from '../session/run-session';
import { TileCard } from './tile-card';
import styles from './tiles-panel.module.css';

const ARROWS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -4, ArrowDown: 4 };
const HOVER_MS = 250;

interface Props {
  session: RunSession;
  geometry: Geometry;
}

/** Sixteen buttons over the canvas: what is painted there can be reached, read out and opened. */
export function TileButtons({ session, geometry }: Props) {
  const labels = useRef<(HTMLSpanElement | null)[]>([]);
  const buttons = useRef<(HTMLButtonElement | null)[]>([]);
  const [focused, setFocused] = useState(0);
  const [open, setOpen] = useState<{ position: number; pinned: boolean } | null>(null);
  const hover = useRef(0);
  const grid = useRef<HTMLDivElement>(null);
  const at = open?.position ?? 0;
  // Beside all tiles rather than on top of the neighbours; on a narrow page, below its own.
  const anchor = useMemo(
    () => ({
      current: {
        getBoundingClientRect() {
          const own = buttons.current[at]?.getBoundingClientRect() ?? new DOMRect();
          const all = grid.current?.getBoundingClientRect() ?? own;
          return window.innerWidth < 1000 ? own : new DOMRect(all.x, own.y, all.width, own.height);
        },
      },
    }),
    [at],
  );

  useEffect(() => {
    const write = () =>
      labels.current.forEach((label, position) => {
        const tile = session.stage.tileAt(position);
        const text = tile ? describeTile(tile) : '';
        if (label && label.textContent !== text) label.textContent = text;
      });
    write();
    return session.stage.watch(write);
  }, [session]);

  const move = (event: React.KeyboardEvent, position: number) => {
    const by = ARROWS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = Math.min(TILES - 1, Math.max(0, position + by));
    setFocused(next);
    buttons.current[next]?.focus();
  };
  const enter = (event: React.PointerEvent, position: number) => {
    if (event.pointerType !== 'mouse') return;
    window.clearTimeout(hover.current);
    hover.current = window.setTimeout(
      () => setOpen((now) => (now?.pinned ? now : { position, pinned: false })),
      HOVER_MS,
    );
  };
  const leave = () => {
    window.clearTimeout(hover.current);
    setOpen((now) => (now?.pinned ? now : null));
  };

  return (
    <Popover.Root open={open !== null} onOpenChange={(next) => !next && setOpen(null)}>
      <div
        ref={grid}
        className={styles.grid}
        role="group"
        aria-label="Sixteen samples of this step"
        style={{ gap: geometry.gap, gridAutoRows: geometry.side + geometry.caption }}
      >
        {Array.from({ length: TILES }, (_, position) => {
          return (
            <button
              key={position}
              type="button"
              className={styles.tile}
              tabIndex={position === focused ? 0 : -1}
              aria-haspopup="dialog"
              aria-expanded={open?.position === position}
              style={{ width: geometry.side }}
              ref={(element) => {
                buttons.current[position] = element;
              }}
              onKeyDown={(event) => move(event, position)}
              onFocus={() => setFocused(position)}
              onPointerEnter={(event) => enter(event, position)}
              onPointerLeave={leave}
              onClick={() =>
                setOpen((now) =>
                  now?.pinned && now.position === position ? null : { position, pinned: true },
                )
              }
            >
              <span
                className="sr-only"
                data-testid={`tile-label-${position}`}
                ref={(element) => {
                  labels.current[position] = element;
                }}
              />
            </button>
          );
        })}
      </div>
      <Popover.Anchor virtualRef={anchor} />
      <Popover.Portal>
        <Popover.Content
          className={styles.card}
          side={window.innerWidth < 1000 ? 'bottom' : 'right'}
          align="start"
          sideOffset={8}
          collisionPadding={12}
          aria-label="Sample"
          onOpenAutoFocus={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => event.preventDefault()}
        >
          {open !== null && <TileCard session={session} position={open.position} />}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
