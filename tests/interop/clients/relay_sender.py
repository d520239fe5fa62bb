"""A training that was written for an older sender: `relay_sender.py SERVER`. Only where it takes its sender from is livetrain's.

It calls what any release has, with the arguments of any release, and what none has.
"""

from __future__ import annotations

import json
import sys

from livetrain.relay import MetricsWebSocketSender

sender = MetricsWebSocketSender(websocket_uri="ws://localhost:8765", server=sys.argv[1])
sender.send_training_mode(is_federated=False, num_rounds=0, num_clients=0)
start = {"run_id": 42, "experiment_name": "drop-in", "max_epochs": 2}
sender.send_metrics({**start, "training_mode": "centralized"}, "training_start")
for epoch in (0, 1):
    sender.send_epoch_start(epoch=epoch, total_epochs=2)
    for batch in range(3):
        step = 3 * epoch + batch
        figures = {"loss": 1 / (step + 1), "accuracy": None, "recall": 0.75, "f1": 0.5}
        sender.send_batch_metrics(step=step, batch_idx=batch, epoch=epoch, **figures)
        sender.send_lr_update(current_lr=1e-3, step=step, epoch=epoch, scheduler_type="StepLR")
        norms = {"total_norm": 2.0, "layer_norms": {"conv1": 1.5}, "max_norm": 1.5, "min_norm": 0.5}
        sender.send_gradient_stats(step=step, **norms)
    for phase in ("train", "val"):
        metrics = {f"{phase}_loss": 1 / (epoch + 1), f"{phase}_acc": 0.5}
        sender.send_metrics(metrics={"epoch": epoch, "phase": phase, "metrics": metrics})
    sender.send_status("running", message=f"epoch {epoch} is over")
sender.send_confusion_matrix([[3, 1], [0, 4]], labels=["a", "b"])
sender.send_epoch_end("nothing", of=["this", "is"], right=object())
sender.send_round_end()
sender.send_metrics(None, metric_type=None)
sender.send_early_stopping_triggered(1, 0.5)
final = {"accuracy": 0.5, "f1_score": 0.25}
sender.send_training_end(run_id=42, summary_data={"status": "completed", "final_metrics": final})
print(json.dumps({"committed": sender.close(30)}), flush=True)
