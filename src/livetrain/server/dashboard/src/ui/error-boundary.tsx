import { Component, type ErrorInfo, type ReactNode } from 'react';
import { Button } from './button';
import styles from './error-boundary.module.css';

interface Props {
  /** What cannot be shown, with a small letter: "this panel". */
  what: string;
  children: ReactNode;
}

interface State {
  reason: string | null;
}

/** Keeps what went wrong in one part of the page from the others: in its place stands a sentence, never an empty page. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { reason: null };

  static getDerivedStateFromError(error: unknown): State {
    return { reason: error instanceof Error ? error.message : String(error) };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override render(): ReactNode {
    const { what, children } = this.props;
    const { reason } = this.state;
    if (reason === null) return children;
    return (
      <section className={styles.broken} role="alert" data-testid="broken">
        <p>
          <strong>An error of the page’s own: {what} cannot be shown.</strong> The training and its data are
          not touched by it.
        </p>
        <p className={styles.reason}>{reason}</p>
        <div className={styles.tools}>
          <Button onClick={() => this.setState({ reason: null })}>Try again</Button>
          <Button onClick={() => location.reload()}>Reload the page</Button>
        </div>
      </section>
    );
  }
}
