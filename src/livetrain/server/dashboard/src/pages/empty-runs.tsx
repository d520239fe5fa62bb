import styles from './runs-page.module.css';

const SNIPPET = `with livetrain.Monitor("my-first-run") as monitor:
    monitor.log_batch(images, logits, loss, targets=labels)   # in your loop`;

const LIGHTNING = 'trainer = Trainer(callbacks=[livetrain.LiveTrainCallback()])';

/** Nothing yet: the two lines that change that. */
export function EmptyRuns() {
  return (
    <section className={styles.empty} data-testid="empty">
      <h2>No runs yet</h2>
      <p>
        Start a training with livetrain in it, and it appears here by itself. In a loop of your own, these two
        lines are enough:
      </p>
      <pre>
        <code>{SNIPPET}</code>
      </pre>
      <p>With Lightning, it is one:</p>
      <pre>
        <code>{LIGHTNING}</code>
      </pre>
    </section>
  );
}
