# A client by the official Python SDK: connects to the command or the address in argv, lists tools, calls those that stdin names, and
# prints what it got as JSON.
import asyncio
import json
import sys

import httpx2
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


async def use(read, write, calls):
    async with ClientSession(read, write) as session:
        await session.initialize()
        tools = await session.list_tools()
        results = [await session.call_tool(name, arguments) for name, arguments in calls]
        answers = [[json.loads(result.content[0].text) if not result.is_error else None, result.is_error] for result in results]
        print(json.dumps({"tools": [tool.name for tool in tools.tools], "answers": answers}))


async def main():
    calls = json.load(sys.stdin)
    if sys.argv[1] == "http":
        url, token = sys.argv[2:4]
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            async with streamable_http_client(url, http_client=client) as streams:
                await use(streams[0], streams[1], calls)
    else:
        command, *args = sys.argv[2:]
        async with stdio_client(StdioServerParameters(command=command, args=args)) as (read, write):
            await use(read, write, calls)


asyncio.run(main())
