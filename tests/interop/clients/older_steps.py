"""Trainers that do what they are told, step by step: `older_steps.py ADDRESS PLANS`, with generated packages on PYTHONPATH.

PLANS is a JSON list of trainings, each an object: `schema` (telemetry, metrics or later), `session`, and `steps`:

- `register` with fields of the SessionInfo; `register_as` with the name of another service and fields
- `send` with fields of a request (in JSON); `raw` with a request's bytes in hexadecimal
- `sleep` with seconds, within the generator of requests: it trains there
- `acks` with a number: wait until so many came; `pause`: wait for a line on stdin; `break`: hang up without a word
- `half_close`: end the requests, and read to the server's end; the next `send` opens another stream

Prints what each was told as a line at its end. Knows nothing of livetrain.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf import json_format

SERVICES = {"telemetry": "Telemetry", "metrics": "Metrics", "later": "Telemetry"}


class Trainer:
    def __init__(self, plan: dict[str, Any]) -> None:
        self.session = plan["session"]
        self.steps = [list(step) for step in plan["steps"]]
        self.schema = plan.get("schema", "telemetry")
        self.pb = importlib.import_module(f"{self.schema}_pb2")
        self.name = SERVICES[self.schema]
        self.told: dict[str, Any] = {
            "acks": [],
            "errors": [],
            "registered": [],
            "ended": [],
            "code": "",
        }
        self.changed = threading.Condition()
        self.broken = threading.Event()
        self.connect()

    def connect(self) -> None:
        """Make a new connection, as a client does that was started anew."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(sys.argv[1], options=options)

    def stub(self, schema: str) -> Any:
        stubs = importlib.import_module(f"{schema}_pb2_grpc")
        return getattr(stubs, f"{SERVICES[schema]}ServiceStub")(self.channel)

    def train(self) -> None:
        while self.steps:
            kind, *arguments = self.steps[0]
            if kind == "register":
                stub = self.stub(self.schema)
                method = getattr(stub, "RegisterSession", None) or stub.RegisterTrainingSession
                self.register(method, *arguments)
            elif kind == "register_as":
                self.register(self.stub(arguments[0]).RegisterTrainingSession, arguments[1])
            elif kind == "break":
                self.connect()
                self.broken.clear()
            elif kind != "half_close":
                self.stream()
                continue
            self.steps.pop(0)
        self.channel.close()

    def register(self, method: Any, fields: dict[str, Any]) -> None:
        info = json_format.ParseDict(
            {"session_id": self.session, **fields}, self.pb.SessionInfo()
        ).SerializeToString()
        # What another service's stub serialises is the same bytes.
        answer = method(type(self.pb.SessionInfo()).FromString(info))
        self.told["registered"].append([answer.success, answer.session_id, answer.message])

    def requests(self) -> Iterator[Any]:
        """Train within the generator, as many do."""
        request = getattr(self.pb, f"{self.name}Request")
        while self.steps:
            kind, *arguments = self.steps[0]
            if kind == "send":
                said = {"session_id": self.session, **arguments[0]}
                yield json_format.ParseDict(said, request())
            elif kind == "raw":
                yield bytes.fromhex(arguments[0])
            elif kind == "sleep":
                time.sleep(arguments[0])
            elif kind == "acks":
                self.wait_for_acks(arguments[0])
            elif kind == "pause":
                print(json.dumps({"paused": True}), flush=True)
                sys.stdin.readline()
            elif kind == "break":
                self.broken.wait(60)
                return
            else:
                return
            self.steps.pop(0)

    def wait_for_acks(self, count: int) -> None:
        def came() -> bool:
            return len(self.told["acks"]) >= count or bool(self.told["code"])

        with self.changed:
            assert self.changed.wait_for(came, 60), self.told

    def stream(self) -> None:
        call = self.channel.stream_stream(
            f"/{self.pb.DESCRIPTOR.package}.{self.name}Service/Stream{self.name}",
            request_serializer=lambda one: (
                one if isinstance(one, bytes) else one.SerializeToString()
            ),
            response_deserializer=getattr(self.pb, f"{self.name}Response").FromString,
        )(self.requests())
        reader = threading.Thread(target=self.read, args=(call,))
        reader.start()
        while reader.is_alive() and not (
            self.steps and self.steps[0][0] in ("half_close", "break")
        ):
            reader.join(0.02)
        if self.steps and self.steps[0][0] == "break":
            self.channel.close()
            reader.join(60)
            self.broken.set()
            self.told["code"] = ""
        else:
            reader.join(60)
            self.told["ended"].append(self.told["code"] == "")
        assert not reader.is_alive(), "the server does not end its side"

    def read(self, call: Any) -> None:
        try:
            for response in call:
                with self.changed:
                    self.hear(response)
                    self.changed.notify_all()
        except grpc.RpcError as error:
            with self.changed:
                self.told["code"] = str(error.code())
                self.changed.notify_all()

    def hear(self, response: Any) -> None:
        if response.WhichOneof("payload") == "ack":
            ack = [response.session_id, response.ack.batch_idx, response.ack.success]
            self.told["acks"].append(ack)
        elif response.WhichOneof("payload") == "error":
            self.told["errors"].append([response.error.code, response.error.message])


for plan in json.loads(sys.argv[2]):
    trainer = Trainer(plan)
    trainer.train()
    print(json.dumps(trainer.told), flush=True)
