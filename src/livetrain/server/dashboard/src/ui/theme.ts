/** The theme in force: what the system prefers, unless the person chose. Written on the page's root element. */
import { usePrefs, type Theme } from '../store/prefs-store';

const dark = window.matchMedia('(prefers-color-scheme: dark)');
export const THEME_EVENT = 'livetrain-theme';

function resolve(theme: Theme): 'light' | 'dark' {
  if (theme !== 'system') return theme;
  return dark.matches ? 'dark' : 'light';
}

function apply(): void {
  const theme = resolve(usePrefs.getState().theme);
  if (document.documentElement.dataset.theme === theme) return;
  document.documentElement.dataset.theme = theme;
  // What is painted on a canvas does not follow a style sheet by itself.
  window.dispatchEvent(new Event(THEME_EVENT));
}

export function startTheme(): void {
  apply();
  dark.addEventListener('change', apply);
  usePrefs.subscribe(apply);
}
