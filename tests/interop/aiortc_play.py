"""Plays a WHEP endpoint with aiortc: URL, seconds at most, frames of sound and of pictures to decode.

Prints how many were decoded, as JSON; exits with 0 where there were enough.
"""

import asyncio
import json
import sys

import aiortc_session
from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamError


async def play(url, seconds, wanted):
    counts = {"audio": 0, "video": 0}
    enough = asyncio.Event()
    connection = RTCPeerConnection()

    async def take(track):
        try:
            while True:
                await track.recv()
                counts[track.kind] += 1
                if all(counts[kind] >= wanted[kind] for kind in counts):
                    enough.set()
        except MediaStreamError:
            pass

    for kind in counts:
        connection.addTransceiver(kind, direction="recvonly")
    connection.on("track", lambda track: asyncio.ensure_future(take(track)))
    async with aiortc_session.open(connection, url):
        try:
            await asyncio.wait_for(enough.wait(), seconds)
        except asyncio.TimeoutError:
            pass
    await connection.close()
    print(json.dumps(counts))
    return enough.is_set()


url, seconds, audio, video = sys.argv[1:]
sys.exit(0 if asyncio.run(play(url, float(seconds), {"audio": int(audio), "video": int(video)})) else 1)
