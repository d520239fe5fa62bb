"""F34: there is no memory left for a frame."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.conftest import NewStreams
from tests.faults.processes import Script, Server, Viewer

# The address space is capped a little above what the process has: enough for numbers and small pictures, too little for the copy
# of a large batch. What gRPC takes for itself must stay possible: it ends the process where it gets nothing.
PRESSED = """
    import dataclasses, json, os, resource, sys, time
    import numpy as np
    import livetrain

    small = np.full((16, 64, 64, 3), 128, np.uint8)
    large = np.broadcast_to(np.float64(0.5), (16, 1024, 1024, 3))  # 400 MB as soon as it is copied
    options = livetrain.ImageOptions(max_size=1024)
    monitor = livetrain.Monitor("pressed", server=sys.argv[1], max_overhead=0.9, images=options)
    monitor.log_batch(small, None, loss=0.0)
    assert monitor.flush(20), monitor.stats()
    print(monitor.run_id, flush=True)

    pages = int(open("/proc/self/statm").read().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + (40 << 20), hard))
    try:
        np.ones(large.shape)
    except MemoryError:
        print("no memory", flush=True)
    step, end = 0, time.monotonic() + 60
    while time.monotonic() < end:
        stats = monitor.stats()
        if stats.frames_sent >= 20 and stats.problems.get("unreadable", 0) >= 10:
            break
        step += 1
        monitor.log_batch(large if step % 2 else small, None, loss=float(step))
        monitor.flush(5)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert monitor.close(20), monitor.stats()
    print(json.dumps({"steps": step + 1, **dataclasses.asdict(monitor.stats())}))
"""


def test_a_frame_without_memory_costs_its_pictures_and_nothing_else(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    script = Script(folder, PRESSED, shared_server.grpc)
    script.wait_for("no memory")
    viewer = Viewer(folder, shared_server, script.stdout.split()[0])  # who asks for every frame
    assert script.wait(90) == 0, script.stderr[-3000:]
    viewer.stop()
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
    told = json.loads(script.stdout.splitlines()[-1])
    (stream,) = new_streams()
    assert stream.batches == {step: float(step) for step in range(told["steps"])}
    assert stream.seqs == list(range(1, stream.durable_seq + 1))
    assert told["frames_sent"] >= 20, "small pictures still fit"
    assert told["problems"]["unreadable"] >= 10, "that pictures are missing is counted"
    assert "Unable to allocate" in script.stderr, "and said"
    assert not told["dropped"], told
