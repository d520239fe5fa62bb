"""A publisher of the metrics relay: `relay_publisher.py ADDRESS`; takes messages from stdin, an object of type and data a line.

As the older sender does it: a connection for each message, one frame, and nothing is read. Knows nothing of livetrain.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime

from websockets.asyncio.client import connect


async def send(address: str, message: dict) -> None:
    async with connect(address) as socket:
        await socket.send(json.dumps(message))


for line in sys.stdin:
    told = json.loads(line)
    stamped = {"type": told["type"], "timestamp": datetime.now().isoformat(), "data": told["data"]}
    asyncio.run(send(sys.argv[1], stamped))
