"""Publishes to a WHIP endpoint with aiortc, silence and a green picture, until standard input ends: URL."""

import asyncio
import sys

import aiortc_session
from aiortc import AudioStreamTrack, RTCPeerConnection, VideoStreamTrack


async def publish(url):
    connection = RTCPeerConnection()
    for track in (AudioStreamTrack(), VideoStreamTrack()):
        connection.addTransceiver(track, direction="sendonly")
    async with aiortc_session.open(connection, url):
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await connection.close()


asyncio.run(publish(sys.argv[1]))
