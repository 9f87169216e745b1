"""A jotmill that runs beside the service: a line of JSON in, a line of JSON out.

Owns the process: started when it is first needed, again after it has died, ended with the service.
Must never log a line: passwords and tokens pass through here.
"""

import asyncio
import collections
import contextlib
import json
import logging

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """There was no answer. Whoever asked may ask again later."""


class Child:
    """Answers come in the order of the lines, so many can be under way at once.

    jotmill has done what it answers for: a token is spent, or revoked, on disk by then. Where the
    process dies first, nobody knows how far it came, and the line is given once more to the next
    one. A login can't tell, a revocation is listed once; a refresh token that was spent by then is
    refused, and its owner has to log in.
    """

    most_waiting, seconds = 100, 30

    def __init__(self, *command):
        self.command = [str(word) for word in command]
        self.name = f"jotmill {self.command[1]}"
        self.process = self.reader = None
        self.closing = False
        self.waiting = collections.deque()
        self.starting = asyncio.Lock()

    async def ask(self, question: dict) -> dict:
        line = json.dumps(question).encode() + b"\n"
        for _ in range(2):
            if len(self.waiting) >= self.most_waiting:
                raise Unavailable("too many are waiting")
            await self._start()
            answer = asyncio.get_running_loop().create_future()
            # In one step, without an await between them: so the orders are the same.
            self.waiting.append(answer)
            self.process.stdin.write(line)
            process = self.process
            try:
                async with asyncio.timeout(self.seconds):
                    return await answer
            except EOFError:
                continue
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                break
        raise Unavailable(f"{self.name} does not answer")

    async def close(self):
        """Ends the process, once it has answered all."""
        if self.process:
            self.closing = True
            self.process.stdin.close()
            await self.reader

    async def _start(self):
        async with self.starting:
            if self.process:
                return
            pipe = asyncio.subprocess.PIPE
            # What it has to say to people goes where the service's own words go. Ctrl-C is for the
            # service alone: what is under way is still answered.
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=pipe, stdout=pipe, limit=1 << 20, start_new_session=True
            )
            self.waiting = collections.deque()
            self.reader = asyncio.create_task(self._read(self.process))

    async def _read(self, process):
        try:
            # A line that was cut off is no answer.
            while (line := await process.stdout.readline()).endswith(b"\n"):
                answer = self.waiting.popleft()
                # Nobody waits any more for one that took too long.
                if not answer.done():
                    answer.set_result(json.loads(line))
        except (ValueError, IndexError):
            # No answer, or to nothing: it is not known any more which one is whose.
            process.kill()
        self.process = None
        for answer in self.waiting:
            if not answer.done():
                answer.set_exception(EOFError())
        status = await process.wait()
        if not self.closing:
            log.warning("%s ended, status %d; the next request starts another", self.name, status)
