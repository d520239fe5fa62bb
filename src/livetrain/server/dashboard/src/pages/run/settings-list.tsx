import { useId, useMemo, useState } from 'react';
import { formatCount } from '../../lib/format';
import { searchSettings, settingRows } from '../../lib/settings';
import { Button } from '../../ui/button';
import { SearchField } from '../../ui/search-field';
import styles from './settings-list.module.css';

/** So many are in view before somebody asks for more, and so many at most: who has more searches. */
const FIRST = 8;
const MOST = 500;
/** A longer value is folded. */
const LONG = 160;

function Value({ value }: { value: string }) {
  const [whole, setWhole] = useState(false);
  if (value.length <= LONG) return <>{value}</>;
  return (
    <>
      {whole ? value : `${value.slice(0, LONG)}…`}{' '}
      <Button weight="text" aria-expanded={whole} onClick={() => setWhole(!whole)}>
        {whole ? 'Fold' : `All ${formatCount(value.length)} characters`}
      </Button>
    </>
  );
}

/** The settings that a run was started with: the first few, all that match a search, or all, in a box that scrolls. */
export function SettingsList({ json }: { json: string }) {
  const rows = useMemo(() => settingRows(json), [json]);
  const [search, setSearch] = useState('');
  const [all, setAll] = useState(false);
  const id = useId();
  const found = useMemo(() => searchSettings(rows, search), [rows, search]);
  if (rows.length === 0) return null;
  const searching = search.trim() !== '';
  const shown = found.slice(0, all || searching ? MOST : FIRST);
  return (
    <section aria-labelledby={id} className={styles.settings}>
      <div className={styles.head}>
        <h3 id={id}>
          Settings <small>{formatCount(rows.length)}</small>
        </h3>
        {rows.length > FIRST && (
          <SearchField label="Search the settings" value={search} onChange={setSearch} />
        )}
      </div>
      {/* eslint-disable jsx-a11y/no-noninteractive-tabindex -- a box that scrolls must take the keys */}
      <div
        className={styles.box}
        role="group"
        aria-labelledby={id}
        tabIndex={shown.length > FIRST ? 0 : undefined}
        data-testid="settings"
      >
        <dl className={styles.list}>
          {shown.map(({ name, value }, at) => (
            <div key={at}>
              <dt>{name}</dt>
              <dd>
                <Value key={value} value={value} />
              </dd>
            </div>
          ))}
        </dl>
        {found.length === 0 && <p className={styles.note}>No setting matches “{search}”.</p>}
        {found.length > shown.length && (all || searching) && (
          <p className={styles.note}>{formatCount(found.length - shown.length)} more: search for them.</p>
        )}
      </div>
      {/* eslint-enable jsx-a11y/no-noninteractive-tabindex */}
      {rows.length > FIRST && !searching && (
        <Button weight="text" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show the first only' : `Show all ${formatCount(rows.length)}`}
        </Button>
      )}
    </section>
  );
}
