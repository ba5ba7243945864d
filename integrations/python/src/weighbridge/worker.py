"""A child process that answers rows: ``weighbridge worker TASK …``."""

from __future__ import annotations

import collections
import contextlib
import copy
import json
import os
import reprlib
import shutil
import subprocess
import sysconfig
import tempfile
import threading
import weakref
from typing import IO, Any, Iterable, Iterator, Mapping

from .errors import WeighbridgeError

Row = Mapping[str, Any]
Answer = dict[str, Any]


def executable() -> str:
    """The tool: ``$WEIGHBRIDGE``, what lies beside this environment's interpreter, or what the path leads to.

    :raises WeighbridgeError: ``missing`` if there is none.
    """
    named = os.environ.get("WEIGHBRIDGE")
    found = named or shutil.which("weighbridge", path=sysconfig.get_path("scripts")) or shutil.which("weighbridge")
    if not found:
        raise WeighbridgeError("missing", "there is no weighbridge: install the wheel, or name the tool by WEIGHBRIDGE")
    return found


@contextlib.contextmanager
def starting(command: list[str]) -> Iterator[None]:
    """Tells what keeps a process from starting.

    :raises WeighbridgeError: ``missing`` if the tool cannot be started, ``usage`` for an argument that no program can be given.
    """
    try:
        yield
    except OSError as error:
        raise WeighbridgeError("missing", f"{command[0]}: {error.strerror}", file=command[0]) from error
    except (TypeError, ValueError) as error:
        raise WeighbridgeError("usage", f"{reprlib.repr(command[1:])} cannot be arguments: {error}") from error


class _Batch:
    """Rows that have been sent, and the lines that have come back."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.lines: list[bytes] = []
        self.failure: WeighbridgeError | None = None
        self.done = threading.Event()


class _Child:
    """One process. What it has not answered when it ends fails."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None) -> None:
        # A file, so that nobody need read it in time.
        self._messages: IO[bytes] = tempfile.TemporaryFile()
        try:
            with starting(command):
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
                    env=None if environment is None else {**os.environ, **environment})
        except WeighbridgeError:
            self._messages.close()
            raise
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: collections.deque[_Batch] = collections.deque()
        self.failure: WeighbridgeError | None = None
        #: True if its input has ended, or is about to.
        self.is_left = False
        self._reader = threading.Thread(target=self._read, name="weighbridge", daemon=True)
        self._reader.start()

    def send(self, rows: list[bytes]) -> _Batch:
        """Sends rows.

        :raises WeighbridgeError: If it takes no more, and has got none of these.
        """
        batch = _Batch(len(rows))
        # Whoever is first in the queue is first in the pipe.
        with self._writing:
            try:
                # At once: when the child ends, what waits fails, and nothing that comes to it afterwards.
                with self._lock:
                    if self.failure:
                        # Each thread's own, as each adds to its traceback.
                        raise copy.copy(self.failure)
                    if self.is_left:
                        raise WeighbridgeError("died", "the worker is being closed")
                    self._waiting.append(batch)
                self._input.write(b"".join(rows))
                self._input.flush()
            except WeighbridgeError:
                raise
            except (OSError, ValueError):
                # It has ended; the reader says how to all who wait.
                pass
            except BaseException:
                # An interrupt: nobody knows how much of the rows the child has, and whose the next answers would be.
                with self._lock:
                    self.failure = WeighbridgeError("died", "sending to the worker was interrupted")
                self.process.kill()
                raise
        return batch

    @property
    def waits(self) -> bool:
        with self._lock:
            return bool(self._waiting)

    @property
    def _input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def _read(self) -> None:
        assert self.process.stdout is not None
        unexpected: bytes | None = None
        for line in self.process.stdout:
            with self._lock:
                batch = self._waiting[0] if self._waiting else None
            # A child that cannot begin says why instead of an answer; one that is asked for its version says that.
            if batch is None or not line.startswith(b'{"id":'):
                unexpected = line
                continue
            batch.lines.append(line)
            if len(batch.lines) == batch.count:
                with self._lock:
                    self._waiting.popleft()
                batch.done.set()
        self.process.stdout.close()
        self.abandon()
        self._end(unexpected)

    def _end(self, line: bytes | None) -> None:
        status = self.process.wait()
        self._messages.seek(0)
        said = self._messages.read()[-4096:].decode(errors="replace").strip()
        self._messages.close()
        failure: WeighbridgeError
        try:
            failure = WeighbridgeError.from_json(json.loads(line or b"")["error"])
        except (ValueError, KeyError, TypeError):
            way = f"by signal {-status}" if status < 0 else f"with exit code {status}"
            said = said or (line or b"").decode(errors="replace").strip()
            failure = WeighbridgeError("died", f"the worker ended {way}" + (f": {said.splitlines()[-1]}" if said else ""))
        with self._lock:
            self.failure = failure
            waiting = list(self._waiting)
            self._waiting.clear()
        for batch in waiting:
            batch.failure = failure
            batch.done.set()

    def abandon(self, patience: float = -1) -> None:
        """Lets the child end by itself, behind what it has to answer.

        :param patience: The seconds for which a thread that sends is waited for; -1 for as long as it takes.
        """
        self.is_left = True
        if not self._writing.acquire(timeout=patience):
            return
        try:
            self._input.close()
        except OSError:
            # What was to be sent when it ended.
            pass
        finally:
            self._writing.release()

    def leave(self) -> None:
        """In a process that was forked: the child is another's, whose pipes are not to be held open here."""
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (self.process.stdin, self.process.stdout):
            if stream and not stream.closed:
                os.dup2(null, stream.fileno())
        os.close(null)
        for batch in self._waiting:
            batch.failure = WeighbridgeError("died", "the worker belongs to the process that this one was forked from")
            # Its lock may be another thread's for ever.
            batch.done = threading.Event()
            batch.done.set()

    def close(self, patience: float = 5) -> None:
        self.abandon(patience)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join(patience)


class Worker:
    """``weighbridge worker TASK ARGUMENT …``, started with the first row, and anew by the next row after it has died.

    Any number of threads may ask at the same time: rows go to the child in the order in which they are asked. A process that is
    forked from this one has a child of its own. The child ends with :meth:`close`, with a ``with`` statement, or when nothing refers to
    the worker any more.

    :param task: ``embed``, ``classify``, … with a model's path in ``arguments``, or ``convert``, ``inspect``, ``diff``, ``verify``, ``scan``.
    :param arguments: What the task's command takes.
    :param environment: Variables that the child has beside this process' own.
    """

    #: Rows that are sent at once, and batches that are on their way, by :meth:`answers`.
    batch_size = 256
    batches_ahead = 4

    def __init__(self, task: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.task = task
        self.arguments = arguments
        self._environment = environment
        self._lock = threading.Lock()
        self._child: _Child | None = None
        _workers.add(self)

    def ask(self, row: Row) -> Answer:
        """The answer to a row.

        :raises WeighbridgeError: What is wrong with the row, or with the child.
        """
        (answer,) = self.ask_all([row])
        if "error" in answer:
            raise WeighbridgeError.from_json(answer["error"])
        return answer

    def ask_all(self, rows: Iterable[Row]) -> list[Answer]:
        """An answer for each row, in order; one that has none is answered by ``{"id", "error"}``.

        :raises WeighbridgeError: If the child cannot begin, or dies.
        """
        sent = self._send(list(rows))
        return self._received(sent)

    def answers(self, rows: Iterable[Row]) -> Iterator[Answer]:
        """The same, for any number of rows: a few hundred are on their way at a time."""
        ahead: collections.deque[_Batch] = collections.deque()
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == self.batch_size:
                ahead.append(self._send(batch))
                batch = []
            if len(ahead) == self.batches_ahead:
                yield from self._received(ahead.popleft())
        if batch:
            ahead.append(self._send(batch))
        while ahead:
            yield from self._received(ahead.popleft())

    def close(self) -> None:
        """Ends the child; the next row would start another."""
        with self._lock:
            child, self._child = self._child, None
        if child:
            child.close()

    @property
    def process_id(self) -> int | None:
        """The child's, while there is one."""
        with self._lock:
            return self._child.process.pid if self._child and not self._child.failure else None

    @property
    def is_idle(self) -> bool:
        """True if nobody waits for an answer."""
        with self._lock:
            return self._child is None or not self._child.waits

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._child:
            # Nobody sends any more; but garbage may be collected while the child's own thread does this.
            self._child.abandon(0)

    def _leave(self) -> None:
        # Another thread may have had the lock when this process was forked.
        self._lock = threading.Lock()
        child, self._child = self._child, None
        if child:
            child.leave()

    def _send(self, rows: list[Row]) -> _Batch:
        lines = [_line(place, row) for place, row in enumerate(rows)]
        if not lines:
            empty = _Batch(0)
            empty.done.set()
            return empty
        child = self._running()
        try:
            return child.send(lines)
        except WeighbridgeError:
            # It has ended since, or another thread has closed it.
            return self._running().send(lines)

    def _running(self) -> _Child:
        with self._lock:
            if self._child is None or self._child.failure or self._child.is_left:
                # With --json, what keeps a child from beginning comes as JSON.
                self._child = _Child(
                    [executable(), "worker", self.task, *self.arguments, *self._json], self._environment)
            return self._child

    @property
    def _json(self) -> list[str]:
        # The tasks about checkpoints have it from the worker.
        return [] if self.task in ("convert", "inspect", "diff", "verify", "scan") else ["--json"]

    @staticmethod
    def _received(batch: _Batch) -> list[Answer]:
        batch.done.wait()
        if batch.failure:
            raise copy.copy(batch.failure)
        return [json.loads(line) for line in batch.lines]


def _line(place: int, row: Row) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=True).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise WeighbridgeError("usage", f"row {place} cannot be written as JSON: {error}", field=f"row {place}") from error


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _leave_all() -> None:
    for worker in list(_workers):
        worker._leave()


os.register_at_fork(after_in_child=_leave_all)
