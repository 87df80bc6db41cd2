"""Plays a WHEP endpoint with aiortc: URL, seconds at most, frames of sound and of pictures to decode.

Prints how many were decoded, as JSON; exits with 0 where there were enough.
"""

import asyncio
import json
import sys

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
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
    await connection.setLocalDescription(await connection.createOffer())
    async with aiohttp.ClientSession() as http:
        offer = connection.localDescription.sdp
        async with http.post(url, data=offer, headers={"Content-Type": "application/sdp"}) as answer:
            text = await answer.text()
            assert answer.status == 201, text
            session = str(answer.url.with_path(answer.headers["Location"], encoded=True))
        await connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
        try:
            await asyncio.wait_for(enough.wait(), seconds)
        except asyncio.TimeoutError:
            pass
        async with http.delete(session) as answer:
            assert answer.status == 200, answer.status
    await connection.close()
    print(json.dumps(counts))
    return enough.is_set()


url, seconds, audio, video = sys.argv[1:]
sys.exit(0 if asyncio.run(play(url, float(seconds), {"audio": int(audio), "video": int(video)})) else 1)
