"""Runs cases of the Autobahn suite against a server that sends every message back, and prints each result as a line of JSON.

usage: cases.py ADDRESS PARALLEL CASES...
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, run_fuzzingclient


async def main():
    address, parallel, *cases = sys.argv[1:]
    try:
        results = await run_fuzzingclient(address, cases, concurrency=int(parallel))
    except FailureError as failure:
        results = failure.results  # Of all cases, also of those that did well.
    for result in results:
        print(json.dumps(as_line(result)))


def as_line(result):
    return {
        "id": result.case_id,
        "behavior": result.behavior.value,
        "close": result.behavior_close.value,
        "why": f"{result.result}; {result.result_close}",
    }


asyncio.run(main())
# Threads of the suite outlive it now and then, and Python aborts when they meet its end.
sys.stdout.flush()
os._exit(0)
