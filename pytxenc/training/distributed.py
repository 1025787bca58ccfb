"""Data-parallel training: several processes, each with its part of every step's samples.

One process needs nothing of this.  Under mpiexec every process trains its part and gradients
are summed over all of them by mpi4py, from and into the flat gradient buffer.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import _core

if TYPE_CHECKING:
    from .flat import FlatParameters

__all__ = [
    "Communicator",
    "GradientReducer",
    "MPICommunicator",
    "SingleProcess",
    "communicator",
    "launched_by_mpi",
]

# How many processes there are, by MPICH and those made from it, Open MPI, MVAPICH.
_SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_LAYER = re.compile(r"\.(?:layer\.(\d+)|albert_layer_groups)\.")
_LINE = 16  # floats in a cache line, where every parameter of the flat arrays begins
_PIECE = 1 << 24  # most elements in one exchange
_ENDED = 1  # tag of the message by which a rank says that it has ended
_SPIN, _NAP = 2e-3, 1e-4  # seconds: of waiting without sleeping, then between looks


def launched_by_mpi() -> bool:
    """Whether mpiexec, or srun through PMIx, started this process as one of several."""
    sizes = [os.environ[name] for name in _SIZE_VARIABLES if name in os.environ]
    if sizes:
        return any(size.isdecimal() and int(size) > 1 for size in sizes)
    return "PMIX_RANK" in os.environ


@functools.cache
def communicator() -> Communicator:
    """That of this job: of all processes where mpiexec started several, else of this one alone.

    ImportError when there are several and mpi4py is not installed: each would otherwise train
    by itself.
    """
    return MPICommunicator() if launched_by_mpi() else SingleProcess()


class Communicator(Protocol):
    """What the processes of a job tell each other.

    Every method but `abort` is to be called by all ranks, in the same order.
    """

    rank: int
    size: int

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which alone writes files and logs."""

    def all_reduce_sum(self, values: NDArray[Any]) -> None:
        """Replace a one-dimensional contiguous array by its sum over all ranks, in place."""

    def all_reduce_counts(self, counts: Sequence[float]) -> tuple[float, ...]:
        """The sums over all ranks, each int or float as it was; ints are exact below 2**53."""

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on one rank at least."""

    def broadcast(self, values: NDArray[Any]) -> None:
        """Replace a one-dimensional contiguous array by rank 0's."""

    def share(self, value: Any) -> Any:
        """Rank 0's value, which can be anything that pickle takes."""

    def gather(self, value: Any) -> list[Any] | None:
        """On rank 0 the values of all ranks in their order, None on the others."""

    def barrier(self) -> None:
        """Wait until all ranks are here."""

    def start_sum(self, values: NDArray[Any]) -> Any:
        """Begin `all_reduce_sum`; the array must be left alone until `finish` of the result."""

    def progress(self, started: list[Any]) -> None:
        """Move started sums on without waiting for them."""

    def finish(self, started: list[Any]) -> None:
        """Wait for started sums."""

    def guard(self) -> Any:
        """A context that lets no exception out while other ranks wait: it ends the whole job.

        In one process it does nothing.
        """


class SingleProcess:
    """The communicator of one process: every sum is of one."""

    rank = 0
    size = 1
    is_main = True

    def all_reduce_sum(self, values: NDArray[Any]) -> None:
        pass

    def all_reduce_counts(self, counts: Sequence[float]) -> tuple[float, ...]:
        return tuple(counts)

    def any(self, flag: bool) -> bool:
        return bool(flag)

    def broadcast(self, values: NDArray[Any]) -> None:
        pass

    def share(self, value: Any) -> Any:
        return value

    def gather(self, value: Any) -> list[Any] | None:
        return [value]

    def barrier(self) -> None:
        pass

    def start_sum(self, values: NDArray[Any]) -> Any:
        return None

    def progress(self, started: list[Any]) -> None:
        pass

    def finish(self, started: list[Any]) -> None:
        pass

    @contextmanager
    def guard(self) -> Iterator[None]:
        yield


class MPICommunicator:
    """All processes that mpiexec started, by mpi4py.

    No rank waits for one that is no more: an exception that nothing catches ends the job with
    its traceback, mpiexec ends it when a process is killed, and a rank that waits for one that
    has come to its end says so and ends the job.

    Unless $PYTXENC_NUM_THREADS, $OMP_NUM_THREADS or `set_num_threads` says otherwise, the ranks
    of one machine share its processors.

    Args:
        world: an mpi4py communicator, COMM_WORLD by default.

    Raises:
        ImportError: mpi4py is not installed, or finds no MPI library.
    """

    def __init__(self, world: Any = None) -> None:
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:  # the latter when there is no library
            raise ImportError(
                f"training in several processes needs mpi4py and an MPI library: {error}; "
                "install pytxenc[mpi], and mpich where the system has no MPI"
            ) from None
        self._mpi = MPI
        self._world = (MPI.COMM_WORLD if world is None else world).Dup()
        self.rank: int = self._world.Get_rank()
        self.size: int = self._world.Get_size()
        self._exchanges = 0  # that this rank has entered
        self._ended: dict[int, int] = {}  # exchanges of ranks that have ended
        _share_processors(self._world, MPI.COMM_TYPE_SHARED)
        self._hook = sys.excepthook
        sys.excepthook = self._uncaught
        atexit.register(self._end)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    # ---- exchanges ----

    def all_reduce_sum(self, values: NDArray[Any]) -> None:
        self.finish([self.start_sum(values)])

    def all_reduce_counts(self, counts: Sequence[float]) -> tuple[float, ...]:
        sums = np.array(counts, np.float64)
        self.all_reduce_sum(sums)
        kinds = [int if isinstance(count, int | np.integer) else float for count in counts]
        return tuple(kind(total) for kind, total in zip(kinds, sums.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        return self.all_reduce_counts([int(flag)])[0] > 0

    def broadcast(self, values: NDArray[Any]) -> None:
        self.finish([self._start(self._world.Ibcast, piece) for piece in _pieces(values)])

    def share(self, value: Any) -> Any:
        data = np.frombuffer(pickle.dumps(value if self.is_main else None), np.uint8)
        size = np.array([len(data)])
        self.broadcast(size)
        data = data.copy() if self.is_main else np.empty(size[0], np.uint8)
        self.broadcast(data)
        return pickle.loads(data.data)  # from a process of this job

    def gather(self, value: Any) -> list[Any] | None:
        data = np.frombuffer(pickle.dumps(value, protocol=5), np.uint8)
        sizes = np.zeros(self.size, np.int64)
        sizes[self.rank] = len(data)
        self.all_reduce_sum(sizes)
        ends = np.cumsum(sizes)
        room = np.empty(ends[-1] if self.is_main else 0, np.uint8)
        into = (room, sizes, ends - sizes, self._mpi.BYTE) if self.is_main else None
        self.finish([self._start(self._world.Igatherv, data, into)])
        if not self.is_main:
            return None
        return [pickle.loads(part.data) for part in np.split(room, ends[:-1])]  # from this job

    def barrier(self) -> None:
        self.finish([self._start(self._world.Ibarrier)])

    def start_sum(self, values: NDArray[Any]) -> Any:
        reduce = functools.partial(self._world.Iallreduce, self._mpi.IN_PLACE)
        return [self._start(reduce, piece) for piece in _pieces(values)]

    def _start(self, exchange: Any, *arguments: Any) -> Any:
        self._exchanges += 1
        return exchange(*arguments)

    def progress(self, started: list[Any]) -> None:
        self._mpi.Request.Testall(_requests(started))

    def finish(self, started: list[Any]) -> None:
        # Waiting inside of MPI takes a whole processor and hears no signal.
        requests = _requests(started)
        begin = time.perf_counter()
        while not self._mpi.Request.Testall(requests):
            if time.perf_counter() - begin > _SPIN:
                self._check_others()
                time.sleep(_NAP)

    # ---- ends ----

    @contextmanager
    def guard(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self.size > 1:
                traceback.print_exception(error)
                self._abort(f"rank {self.rank} of {self.size} failed; the job ends")
            raise

    def _check_others(self) -> None:
        """End the job if a rank has ended without entering what this rank waits for."""
        self._hear()
        for rank, exchanges in self._ended.items():
            if exchanges < self._exchanges:
                self._abort(
                    f"rank {rank} of {self.size} has ended while rank {self.rank} waits for it; "
                    "the job ends"
                )

    def _hear(self) -> None:
        status = self._mpi.Status()
        while self._world.Iprobe(self._mpi.ANY_SOURCE, _ENDED, status):
            exchanges = np.zeros(1, np.int64)
            self._world.Recv(exchanges, status.Get_source(), _ENDED)
            self._ended[status.Get_source()] = int(exchanges[0])

    def _end(self) -> None:
        """At the end of the process: tell the others, and wait for theirs as MPI does anyway."""
        if self._mpi.Is_finalized():
            return
        message = np.array([self._exchanges])
        others = [rank for rank in range(self.size) if rank != self.rank]
        sent = [self._world.Isend(message, rank, _ENDED) for rank in others]
        while not (self._mpi.Request.Testall(sent) and len(self._ended) == len(others)):
            self._hear()
            time.sleep(_NAP)

    def _uncaught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self._hook(kind, error, trace)
        if self.size > 1:
            self._abort(f"rank {self.rank} of {self.size} failed; the job ends")

    def _abort(self, message: str) -> None:
        print(f"pytxenc: {message}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(1)


class GradientReducer:
    """Sums gradients over all ranks while the backward pass still computes others.

    They go in buckets of one size from the end of the array to its beginning, which is how a
    backward pass finishes them; that order is the same on every rank, also on one that has no
    samples left and only calls `finish`.

    Args:
        communicator: of the job.
        flat: whose gradients they are.
        bucket_bytes: size of the messages.
    """

    def __init__(
        self, communicator: Communicator, flat: FlatParameters, bucket_bytes: int = 1 << 24
    ) -> None:
        if bucket_bytes < 4 * _LINE:
            raise ValueError(f"bucket_bytes is {bucket_bytes}; it must be at least {4 * _LINE}")
        self._communicator, self._flat = communicator, flat.gradients
        self._layers = _layer_starts(flat)
        self._lines = -(-len(self._flat) // _LINE)
        self._told = np.zeros(self._lines, np.bool_)
        self._bucket = bucket_bytes // (4 * _LINE)  # lines
        self._started: list[Any] = []
        self._reset()

    def _reset(self) -> None:
        self._told.fill(False)
        full, rest = divmod(self._lines, self._bucket)
        self._missing = [self._bucket] * full + [rest] * (rest > 0)  # lines, by bucket
        self._next = len(self._missing) - 1  # the bucket to be sent
        self._complete = len(self._flat)  # what is behind is ready by `layer_ready`

    def layer_ready(self, application: int) -> None:
        """What `Session.backward` calls as `ready`; to be given with the last micro-batch alone."""
        if self._communicator.size == 1:
            return
        first = 0 if application < 0 else self._layers[min(application, len(self._layers) - 1)]
        if first < self._complete:
            self.ready(first, self._complete)
            self._complete = first

    def ready(self, first: int, last: int) -> None:
        """Gradients first to last, the latter excluded, are final on this rank in this step.

        The gap that follows a parameter in the flat arrays counts with it.  ValueError for a
        range outside the array, one that begins within a cache line, or one told twice.
        """
        if not (0 <= first < last <= len(self._flat) and first % _LINE == 0):
            raise ValueError(
                f"gradients {first} to {last} of {len(self._flat)} cannot be a range of whole "
                f"parameters, which begin at multiples of {_LINE}"
            )
        line, end = first // _LINE, -(-last // _LINE)
        if self._told[line:end].any():
            raise ValueError(f"gradients {first} to {last} were told to be ready before")
        self._told[line:end] = True
        while line < end:
            bucket = line // self._bucket
            stop = min(end, (bucket + 1) * self._bucket)
            self._missing[bucket] -= stop - line
            line = stop
        while self._next >= 0 and self._missing[self._next] == 0:
            self._send()
        self._communicator.progress(self._started)

    def finish(self) -> None:
        """Send what has not been sent, wait for all, and be ready for the next step."""
        while self._next >= 0:
            self._send()
        self._communicator.finish(self._started)
        self._started.clear()
        self._reset()

    def _send(self) -> None:
        first = self._next * self._bucket * _LINE
        part = self._flat[first : first + self._bucket * _LINE]
        self._started.append(self._communicator.start_sum(part))
        self._next -= 1


def _layer_starts(flat: FlatParameters) -> list[int]:
    """Where the parameters of each layer begin in the flat arrays, and at last what follows them.

    Layers that are shared are not complete before the first application, of any of them.
    """
    starts: dict[int, int] = {}
    end = len(flat.gradients)
    for segment in flat.segments:
        layer = _LAYER.search(segment.name)
        if layer is not None:
            starts.setdefault(int(layer[1] or 0), segment.offset)
        elif starts:
            end = min(end, segment.offset)
    return [*starts.values(), end]


def _pieces(values: NDArray[Any]) -> list[NDArray[Any]]:
    """The array in parts of at most so many elements as any MPI library can count."""
    if values.ndim != 1 or not values.flags.c_contiguous:
        raise ValueError("only one-dimensional contiguous arrays are exchanged")
    return [values[first : first + _PIECE] for first in range(0, max(1, len(values)), _PIECE)]


def _requests(started: list[Any]) -> list[Any]:
    return [r for one in started for r in (one if isinstance(one, list) else [one])]


def _share_processors(world: Any, by_machine: int) -> None:
    """Take as many threads as this rank's part of the processors that it may run on."""
    chosen = any(name in os.environ for name in ("PYTXENC_NUM_THREADS", "OMP_NUM_THREADS"))
    processors = os.sched_getaffinity(0)
    machine = world.Split_type(by_machine)
    ranks = sum(bool(processors & others) for others in machine.allgather(processors))
    machine.Free()
    if not chosen and _core.get_num_threads() == len(processors):
        _core.set_num_threads(max(1, len(processors) // ranks))
