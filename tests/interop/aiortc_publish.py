"""Publishes to a WHIP endpoint with aiortc, silence and a green picture, until standard input ends: URL."""

import asyncio
import sys

import aiohttp
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack


async def publish(url):
    connection = RTCPeerConnection()
    for track in (AudioStreamTrack(), VideoStreamTrack()):
        connection.addTransceiver(track, direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    async with aiohttp.ClientSession() as http:
        offer = connection.localDescription.sdp
        async with http.post(url, data=offer, headers={"Content-Type": "application/sdp"}) as answer:
            text = await answer.text()
            assert answer.status == 201, text
            session = str(answer.url.with_path(answer.headers["Location"], encoded=True))
        await connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        async with http.delete(session) as answer:
            assert answer.status == 200, answer.status
    await connection.close()


asyncio.run(publish(sys.argv[1]))
