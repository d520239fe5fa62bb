import { usePrefs, type Theme } from '../store/prefs-store';
import { Button } from './button';
import type { IconName } from './icon';

const NEXT: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };
const ICON: Record<Theme, IconName> = { system: 'system', dark: 'moon', light: 'sun' };

export function ThemeButton() {
  const theme = usePrefs((prefs) => prefs.theme);
  const set = usePrefs((prefs) => prefs.set);
  return (
    <Button
      bare
      icon={ICON[theme]}
      label={`Theme: ${theme}. Change to ${NEXT[theme]}`}
      onClick={() => set({ theme: NEXT[theme] })}
    />
  );
}
