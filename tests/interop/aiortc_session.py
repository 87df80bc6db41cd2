"""A session of WHIP or WHEP with aiortc: offered by POST, ended by DELETE."""

from contextlib import asynccontextmanager

import aiohttp
from aiortc import RTCSessionDescription


@asynccontextmanager
async def open(connection, url):
    await connection.setLocalDescription(await connection.createOffer())
    async with aiohttp.ClientSession() as http:
        offer = connection.localDescription.sdp
        async with http.post(url, data=offer, headers={"Content-Type": "application/sdp"}) as answer:
            text = await answer.text()
            assert answer.status == 201, text
            session = str(answer.url.with_path(answer.headers["Location"], encoded=True))
        await connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
        yield
        async with http.delete(session) as answer:
            assert answer.status == 200, answer.status
