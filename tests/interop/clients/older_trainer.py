"""A trainer generated from the older schema alone: `older_trainer.py ADDRESS PLAN`, with the generated package on PYTHONPATH.

PLAN is a JSON object: `service` (telemetry or metrics), `session`, `batches` or `losses`, `picture` (base64 of a JPEG), `register`,
`complete`, `half_close`, `wait_stop`, `pause` (seconds between batches). Prints what it was told. Knows nothing of livetrain.
"""

from __future__ import annotations

import base64
import importlib
import json
import queue
import sys
import threading
import time

import grpc

plan = json.loads(sys.argv[2])
name = plan.get("service", "telemetry")
pb = importlib.import_module(f"{name}_pb2")
stubs = importlib.import_module(f"{name}_pb2_grpc")
Name = name.capitalize()
Request = getattr(pb, f"{Name}Request")
channel = grpc.insecure_channel(sys.argv[1])
stub = getattr(stubs, f"{Name}ServiceStub")(channel)
session = plan["session"]
picture = base64.b64decode(plan.get("picture", ""))
told: dict = {"acks": [], "commands": [], "errors": [], "ended": False, "registered": None}
outgoing: queue.Queue = queue.Queue()
acknowledged = threading.Condition()
window = plan.get("window", 200)  # batches under way at once


def now() -> int:
    return time.time_ns() // 1_000_000


def say(**payload: object) -> None:
    outgoing.put(Request(session_id=session, timestamp_ms=now(), **payload))


def requests():
    while (request := outgoing.get()) is not None:
        yield request


def read(responses) -> None:
    try:
        for response in responses:  # to the end: the server ends its side
            assert response.session_id == session, response
            assert response.timestamp_ms > 0
            match response.WhichOneof("payload"):
                case "ack":
                    assert response.ack.success
                    with acknowledged:
                        told["acks"].append(response.ack.batch_idx)
                        acknowledged.notify_all()
                case "command":
                    command = response.command
                    kind = pb.ControlCommand.CommandType.Name(command.type)
                    told["commands"].append([kind, dict(command.parameters)])
                    if kind == "STOP_TRAINING":
                        stopped.set()
                case "error":
                    told["errors"].append([response.error.code, response.error.message])
    except grpc.RpcError as error:
        told["rpc_error"] = str(error.code())
    else:
        told["ended"] = True


stopped = threading.Event()
if plan.get("register", True):
    answer = stub.RegisterTrainingSession(
        pb.SessionInfo(
            session_id=session,
            client_name="older",
            client_version="1.0",
            config=pb.TrainingConfig(
                total_epochs=plan.get("epochs", 1), model_name=plan.get("model", "older")
            ),
            timestamp_ms=now(),
        )
    )
    config = answer.server_config
    told["registered"] = [answer.success, answer.session_id == session, answer.message != ""]
    told["server_config"] = [
        config.max_batch_size,
        config.max_image_dimension,
        config.heartbeat_interval_ms,
        config.buffer_size,
    ]
reader = threading.Thread(target=read, args=(getattr(stub, f"Stream{Name}")(requests()),))
reader.start()
say(status_update=pb.StatusUpdate(status=pb.RUNNING, message="running", timestamp_ms=now()))
losses = plan.get("losses") or [1.0 / (n + 1) for n in range(plan.get("batches", 0))]
print(json.dumps({"started": True}), flush=True)
pause = plan.get("pause", 0.0)
for index, loss in enumerate(losses):
    with acknowledged:
        room = acknowledged.wait_for(
            lambda sent=index: sent - len(told["acks"]) < window or told["errors"], 60
        )
        assert room, "the server acknowledges nothing"
    images = [
        pb.ImageData(image_bytes=picture, format="jpeg", width=32, height=32, channels=3)
        for _ in range(16 if picture else 0)
    ]
    predictions = [
        pb.Prediction(predicted_class=n, predicted_label=str(n), confidence=0.5) for n in range(16)
    ]
    say(
        batch_data=pb.BatchData(
            epoch=0,
            batch_idx=index,
            batch_size=16,
            images=images,
            predictions=predictions if picture else [],
            ground_truth=range(16) if picture else [],
            batch_loss=loss,
            batch_accuracy=0.5,
            timestamp_ms=now(),
        )
    )
    if index % 10 == 0:
        say(performance_data=pb.PerformanceData(current_fps=60.0, timestamp_ms=now()))
        say(heartbeat=pb.Heartbeat(timestamp_ms=now(), sequence_number=index))
    time.sleep(pause)
    if stopped.is_set():
        break
if plan.get("wait_stop"):
    assert stopped.wait(60), "no command came"
if losses:
    say(
        epoch_data=pb.EpochData(
            epoch=0, average_loss=sum(losses) / len(losses), average_accuracy=0.5
        )
    )
if plan.get("complete", True):
    say(status_update=pb.StatusUpdate(status=pb.COMPLETED, timestamp_ms=now()))
if plan.get("half_close", True):
    outgoing.put(None)
reader.join(60)
channel.close()
print(json.dumps(told), flush=True)
