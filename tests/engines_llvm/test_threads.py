"""The native pool of threads: every piece once, whoever takes it, whatever happens meanwhile."""

import ctypes
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

import gradatim
from gradatim.engines.llvm import pool_code, threads
from gradatim.graph.errors import ArgumentError, ArgumentTypeError

# Kernels to share out. `args` points to an array of words, different for each.
KERNELS = """
declare i32 @sched_yield()

; words[0] points to counters, one per piece: add 1 to each.
define i32 @count(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
entry:
  %counters = load ptr, ptr %args
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %place = getelementptr i32, ptr %counters, i64 %i
  %old = load i32, ptr %place
  %new = add i32 %old, 1
  store i32 %new, ptr %place
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret i32 0
}

; words: array of doubles, its length in each piece, sums: one sum per piece, in order.
define i32 @sum(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
entry:
  %length.at = getelementptr ptr, ptr %args, i64 1
  %sums.at = getelementptr ptr, ptr %args, i64 2
  %array = load ptr, ptr %args
  %length = load i64, ptr %length.at
  %sums = load ptr, ptr %sums.at
  br label %piece
piece:
  %p = phi i64 [ %begin, %entry ], [ %p.next, %store ]
  %first = mul i64 %p, %length
  br label %element
element:
  %i = phi i64 [ 0, %piece ], [ %i.next, %element ]
  %total = phi double [ 0.0, %piece ], [ %total.next, %element ]
  %index = add i64 %first, %i
  %place = getelementptr double, ptr %array, i64 %index
  %value = load double, ptr %place
  %total.next = fadd double %total, %value
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %length
  br i1 %more, label %element, label %store
store:
  %sum.place = getelementptr double, ptr %sums, i64 %p
  store double %total.next, ptr %sum.place
  %p.next = add i64 %p, 1
  %p.more = icmp slt i64 %p.next, %end
  br i1 %p.more, label %piece, label %done
done:
  ret i32 0
}

; words: bytes of scratch to use. Fill them, wait, and see that they are as they were: 1 if not.
define i32 @scribble(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
entry:
  %bytes = load i64, ptr %args
  %address = ptrtoint ptr %scratch to i64
  %offset = and i64 %address, 63
  %aligned = icmp eq i64 %offset, 0
  br i1 %aligned, label %write, label %bad
write:
  %i = phi i64 [ 0, %entry ], [ %i.next, %write ]
  %place = getelementptr i8, ptr %scratch, i64 %i
  store i64 %begin, ptr %place
  %i.next = add i64 %i, 8
  %more = icmp slt i64 %i.next, %bytes
  br i1 %more, label %write, label %read
read:
  %j = phi i64 [ 0, %write ], [ %j.next, %fine ]
  %look = getelementptr i8, ptr %scratch, i64 %j
  %seen = load volatile i64, ptr %look
  %same = icmp eq i64 %seen, %begin
  br i1 %same, label %fine, label %bad
fine:
  %j.next = add i64 %j, 8
  %j.more = icmp slt i64 %j.next, %bytes
  br i1 %j.more, label %read, label %done
done:
  ret i32 0
bad:
  ret i32 1
}

; words: how many have come, how many make a party. Wait, for some seconds, until the party is
; complete: 1 if it never is.
define i32 @meet(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
entry:
  %size.at = getelementptr i64, ptr %args, i64 1
  %size = load i64, ptr %size.at
  %before = atomicrmw add ptr %args, i64 1 seq_cst
  %parties = sdiv i64 %before, %size
  %with.this = add i64 %parties, 1
  %all = mul i64 %with.this, %size
  br label %look
look:
  %turn = phi i64 [ 0, %entry ], [ %next, %wait ]
  %here = load atomic i64, ptr %args seq_cst, align 8
  %complete = icmp sge i64 %here, %all
  br i1 %complete, label %done, label %wait
wait:
  call i32 @sched_yield()
  %next = add i64 %turn, 1
  %late = icmp ugt i64 %next, 10000000
  br i1 %late, label %alone, label %look
done:
  ret i32 0
alone:
  ret i32 1
}

; words: a status for each piece.
define i32 @report(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
entry:
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %status = phi i32 [ 0, %entry ], [ %both, %loop ]
  %place = getelementptr i64, ptr %args, i64 %i
  %wide = load i64, ptr %place
  %own = trunc i64 %wide to i32
  %both = or i32 %status, %own
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret i32 %both
}

; words: parallel_for, pool, inner kernel, inner words, inner pieces. Share out from inside a piece.
define i32 @nest(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
entry:
  %pool.at = getelementptr ptr, ptr %args, i64 1
  %inner.at = getelementptr ptr, ptr %args, i64 2
  %words.at = getelementptr ptr, ptr %args, i64 3
  %pieces.at = getelementptr ptr, ptr %args, i64 4
  %parallel_for = load ptr, ptr %args
  %pool = load ptr, ptr %pool.at
  %inner = load ptr, ptr %inner.at
  %words = load ptr, ptr %words.at
  %pieces = load i64, ptr %pieces.at
  store i64 1234, ptr %scratch
  %status = call i32 %parallel_for(ptr %pool, ptr %inner, ptr %words, i64 %pieces, i64 1)
  %mine = load volatile i64, ptr %scratch
  %kept = icmp eq i64 %mine, 1234
  %result = select i1 %kept, i32 %status, i32 64
  ret i32 %result
}

; words: a double to halve, a place for the result.
define i32 @halve(ptr %args, i64 %begin, i64 %end, ptr %scratch) {
  %value = load double, ptr %args
  %half = fmul double %value, 0.5
  %place = getelementptr double, ptr %args, i64 1
  store double %half, ptr %place
  ret i32 0
}

; Many calls within native code, as a Program makes them.
define i32 @repeat(ptr %parallel_for, ptr %pool, ptr %kernel, ptr %args, i64 %pieces, i64 %grain,
                   i64 %times) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %status = phi i32 [ 0, %entry ], [ %both, %loop ]
  %own = call i32 %parallel_for(ptr %pool, ptr %kernel, ptr %args, i64 %pieces, i64 %grain)
  %both = or i32 %status, %own
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %times
  br i1 %more, label %loop, label %done
done:
  ret i32 %both
}
"""
NAMES = ("count", "sum", "scribble", "meet", "report", "nest", "halve", "repeat")
I64, PTR = ctypes.c_int64, ctypes.c_void_p


def load_kernels():
    target = llvm.Target.from_triple(llvm.get_process_triple())
    jit = llvm.create_lljit_compiler(target.create_target_machine(opt=2))
    builder = llvm.JITLibraryBuilder().add_ir(KERNELS).add_current_process()
    for name in NAMES:
        builder.export_symbol(name)
    linked = builder.link(jit, "test_kernels")
    addresses = {name: linked[name] for name in NAMES}
    linked.detach()
    jit.detach()
    return addresses


ADDRESSES = {}


def words(*values):
    """An array of words that a kernel reads; arrays among them by address."""
    numbers = [v.ctypes.data if isinstance(v, np.ndarray) else v for v in values]
    return np.array(numbers, dtype=np.int64)


def share(kernel, args, pieces, grain=1, times=1):
    """Call the kernel through the pool, `times` times from native code. Returns the status."""
    if not ADDRESSES:
        threads.pool()  # so that LLVM is ready
        ADDRESSES.update(load_kernels())
    repeat = ctypes.CFUNCTYPE(ctypes.c_int32, PTR, PTR, PTR, PTR, I64, I64, I64)(
        ADDRESSES["repeat"]
    )
    pool = threads.pool()
    address = ADDRESSES[kernel]
    return repeat(
        pool.parallel_for_address, pool.address, address, args.ctypes.data, pieces, grain, times
    )


@pytest.fixture(autouse=True)
def restore():
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)
    threads.pool().spin_microseconds = threads.SPIN_MICROSECONDS


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("gradatim-")]


def hire(count):
    """Set the number of threads, and wait until all the workers are there and the old ones gone:
    until then a call may run on fewer."""
    threads.set_num_threads(count)
    there = threads.pool()._field("workers")
    deadline = time.monotonic() + 10
    while not len(workers()) == there.value == count - 1:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def run_script(body, seconds=20, **environment):
    """Run `body` in a Python of its own, with `share` and the rest of this file at hand. Returns
    the finished process, and how long it took to end after the body's last line."""
    script = (
        "import importlib.util, os, sys, threading, time\n"
        f"spec = importlib.util.spec_from_file_location('kernels', {str(Path(__file__))!r})\n"
        "kernels = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(kernels)\n"
        "globals().update(vars(kernels))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\n{body}\nprint(time.time())"],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=os.environ | {"PYTHONPATH": str(Path(gradatim.__file__).parents[1])} | environment,
    )
    ended = time.time()
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.split()
    return done.stdout, ended - float(last)


# --- what a call does ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_piece_is_done_once(count):
    threads.set_num_threads(count)
    for pieces in (1, 2, 3, 7, 64, 1001):
        for grain in (1, 2, 5, 64, 5000):
            counters = np.zeros(pieces + 2, np.int32)
            assert share("count", words(counters[1:]), pieces, grain, times=10) == 0
            assert counters.tolist() == [0, *[10] * pieces, 0]


def test_more_threads_than_regions():
    hire(pool_code.REGIONS + 4)
    for pieces in (15, 16, 17, 300):
        counters = np.zeros(pieces, np.int32)
        assert share("count", words(counters), pieces, times=50) == 0
        assert counters.tolist() == [50] * pieces
    assert share("meet", words(0, pool_code.REGIONS + 4), pool_code.REGIONS + 4) == 0


def test_more_pieces_than_chunks_can_be_counted():
    hire(2)
    pieces = (1 << 24) + 5
    counters = np.zeros(pieces, np.int32)
    assert share("count", words(counters), pieces, times=2) == 0
    assert (counters == 2).all()


def test_no_pieces_no_call():
    assert share("report", words(7), pieces=0) == 0
    assert share("report", words(7), pieces=-3) == 0
    assert share("report", words(7), pieces=1) == 7


def test_a_grain_below_one_is_one():
    counters = np.zeros(9, np.int32)
    share("count", words(counters), 9, grain=0)
    share("count", words(counters), 9, grain=-4)
    assert counters.tolist() == [2] * 9


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_statuses_are_combined_by_or(count):
    threads.set_num_threads(count)
    statuses = np.zeros(100, np.int64)
    assert share("report", statuses, 100, times=100) == 0
    statuses[[3, 50, 99]] = 1, 8, 1 << 20
    for _ in range(100):
        assert share("report", statuses, 100) == 1 | 8 | 1 << 20
    assert share("report", statuses[:3].copy(), 3) == 0  # and forgotten by the next call


def test_sums_are_equal_to_the_bit_for_every_number_of_threads():
    array = np.random.default_rng(0).standard_normal(1_000_000)
    results = []
    for count in (1, 2, 3, 4):
        threads.set_num_threads(count)
        sums = np.zeros(1000)
        assert share("sum", words(array, 1000, sums), 1000, grain=3, times=3) == 0
        results.append(sums)
    expected = array.reshape(1000, 1000).cumsum(axis=1)[:, -1]  # in the same order
    for sums in results:
        assert sums.tobytes() == expected.tobytes()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_scratch_is_private_to_the_thread_that_runs(count):
    threads.set_num_threads(count)
    for use in (8, 4096, 1 << 20):
        assert share("scribble", words(use), 16, times=20) == 0


def test_scratch_can_be_grown_between_calls():
    for _ in range(2):
        size = threads.pool().scratch_bytes + (3 << 20)
        threads.reserve_scratch(size)
        assert threads.pool().scratch_bytes == size
        assert share("scribble", words(size), 4) == 0
    threads.reserve_scratch(1000)  # never smaller
    assert threads.pool().scratch_bytes == size


def test_scratch_that_cannot_be_had_is_a_status_and_nothing_runs():
    output, _ = run_script("""
counters = np.zeros(4, np.int32)
threads.reserve_scratch(1 << 62)
print(share("count", words(counters), 4) == pool_code.OUT_OF_MEMORY, counters.tolist())
""")
    assert output.startswith("True [0, 0, 0, 0]")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_call_from_inside_a_piece(count):
    threads.set_num_threads(count)
    pool = threads.pool()
    share("count", words(np.zeros(1, np.int32)), 1)
    inner = words(1 << 12)
    nest = words(pool.parallel_for_address, pool.address, ADDRESSES["scribble"], inner, 9)
    assert share("nest", nest, 8, times=50) == 0
    statuses = np.array([0, 2, 0, 16], np.int64)
    nest = words(pool.parallel_for_address, pool.address, ADDRESSES["report"], statuses, 4)
    assert share("nest", nest, 8, times=50) == 2 | 16


@pytest.mark.skipif(not llvm.get_process_triple().startswith("x86_64"), reason="sets MXCSR")
@pytest.mark.parametrize("pieces", [1, 4])
def test_pieces_run_in_the_standard_floating_point_mode(pieces):
    # Library code built with -ffast-math makes the thread that loads it flush denormals to 0.
    target = llvm.Target.from_triple(llvm.get_process_triple())
    jit = llvm.create_lljit_compiler(target.create_target_machine())
    linked = (
        llvm.JITLibraryBuilder()
        .add_ir("""
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse.stmxcsr(ptr)
define void @set(ptr %place) {
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
define void @get(ptr %place) {
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  ret void
}
""")
        .export_symbol("set")
        .export_symbol("get")
        .link(jit, "mode")
    )
    set_mode, get_mode = (ctypes.CFUNCTYPE(None, PTR)(linked[name]) for name in ("set", "get"))
    args = np.array([5e-324 * 4, 0.0])
    share("halve", args, 1)
    args[1] = 0.0
    mode = np.array([0x9FC0, 0x1F80, 0], np.uint32)  # flush to zero, standard, as found
    set_mode(mode[0:].ctypes.data)
    share("halve", args, pieces)
    get_mode(mode[2:].ctypes.data)
    set_mode(mode[1:].ctypes.data)
    assert args[1] == 5e-324 * 2
    assert mode[2] & 0xFFC0 == 0x9FC0  # the caller has its own mode back


def test_ctrl_c_in_the_middle_of_a_call():
    run_script("""
share("count", words(np.zeros(9, np.int32)), 9)
counters = np.zeros(9, np.int32)
for _ in range(5):
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        while True:
            share("count", words(counters), 9, times=1000)
    except KeyboardInterrupt:
        assert len(set(counters.tolist())) == 1
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(5)
        raise SystemExit("the signal went to a worker")
    except KeyboardInterrupt:
        pass
""")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_workers_take_no_signals_but_their_own():
    hire(2)
    (worker,) = workers()
    status = Path(f"/proc/self/task/{worker.native_id}/status").read_text()
    blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
    assert blocked >> (signal.SIGINT - 1) & 1
    assert not blocked >> (signal.SIGSEGV - 1) & 1


def test_a_caller_may_keep_the_gil():
    hire(2)
    share("count", words(np.zeros(1, np.int32)), 1)
    pool = threads.pool()
    parallel_for = ctypes.PYFUNCTYPE(ctypes.c_int32, PTR, PTR, PTR, I64, I64)(
        pool.parallel_for_address
    )
    args = words(0, 2)
    for _ in range(1000):
        assert parallel_for(pool.address, ADDRESSES["meet"], args.ctypes.data, 2, 1) == 0
    assert args[0] == 2000


# --- spinning, sleeping, waking ------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("spin", [0, 100])
def test_workers_come_when_they_are_needed(count, spin):
    # Each piece waits for all others to have begun, so it takes a worker for each: one wake-up
    # that is lost shows.
    hire(count)
    threads.pool().spin_microseconds = spin
    rng = random.Random(count)
    args = words(0, count)
    for _ in range(300):
        assert share("meet", args, count, times=rng.choice([1, 1, 10])) == 0
        if rng.random() < 0.3:
            time.sleep(rng.choice([0, 0.0001, 0.0002, 0.001]))


def test_a_call_in_the_moment_in_which_a_worker_falls_asleep():
    # Spins of 0 to 5 microseconds are about as long as Python needs between two calls. Without
    # the mutex in the call, a wake-up was lost once in 100,000.
    hire(2)
    rng = random.Random(0)
    args = words(0, 2)
    for _ in range(40_000):
        threads.pool().spin_microseconds = 5 * rng.random()
        assert share("meet", args, 2) == 0


@pytest.mark.parametrize("count", [2, 4])
def test_many_calls_at_random_times(count):
    threads.set_num_threads(count)
    rng = random.Random(1)
    counters = np.zeros(50, np.int32)
    args = words(counters)
    for _ in range(5000):
        assert share("count", args, rng.randint(1, 50), rng.randint(1, 4)) == 0
        if rng.random() < 0.1:
            time.sleep(rng.choice([0, 0.00005, 0.0001, 0.0003]))
    assert counters[0] == 5000


def test_no_core_is_busy_when_idle():
    output, _ = run_script(
        """
share("count", words(np.zeros(9, np.int32)), 9, times=1000)
time.sleep(0.05)
start = time.process_time()
time.sleep(0.5)
print(time.process_time() - start)
""",
        GRADATIM_NUM_THREADS="4",
    )
    assert float(output.split()[0]) < 0.02


def test_a_call_costs_microseconds():
    # One microsecond on the machine this was written on, and half of that when nobody is needed;
    # the bounds leave room for busy neighbours, and are far below a system call for each.
    hire(2)
    counters = np.zeros(2, np.int32)
    args = words(counters)
    best = {}
    for pieces in (1, 2):
        for _ in range(50):
            start = time.perf_counter()
            share("count", args, pieces, times=500)
            best[pieces] = min(best.get(pieces, math.inf), (time.perf_counter() - start) / 500)
    assert best[1] < 0.3e-6
    assert best[2] < 5e-6


# --- other threads, other processes --------------------------------------------------------------


@pytest.mark.parametrize("callers", [2, 4])
def test_several_python_threads_at_once(callers):
    hire(2)
    share("count", words(np.zeros(1, np.int32)), 1)
    failures = []

    def call(number):
        rng = random.Random(number)
        counters = np.zeros(40, np.int32)
        for turn in range(1, 201):
            failures.append(share("count", words(counters), 40, rng.randint(1, 9), times=50))
            failures.append(share("scribble", words(4096), 4, times=5))
            failures.append(counters.tolist() != [50 * turn] * 40)

    running = [threading.Thread(target=call, args=(i,)) for i in range(callers)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not any(failures)


def test_only_one_caller_has_the_workers():
    hire(3)
    share("count", words(np.zeros(1, np.int32)), 1)
    failures = []

    def call():
        for _ in range(60):
            counters = np.zeros(3, np.int32)
            share("count", words(counters), 3, times=20_000)
            failures.append(counters.tolist() != [20_000] * 3)

    running = [threading.Thread(target=call) for _ in range(2)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(failures) == 120 and not any(failures)


def test_the_number_of_threads_can_change_while_others_call():
    share("count", words(np.zeros(1, np.int32)), 1)
    stop, failures = threading.Event(), []

    def call():
        while not stop.is_set():
            counters = np.zeros(40, np.int32)
            failures.append(share("count", words(counters), 40, times=20))
            failures.append(counters.tolist() != [20] * 40)

    caller = threading.Thread(target=call)
    caller.start()
    for turn in range(100):
        threads.set_num_threads(1 + turn % 4)
        assert threads.pool().threads == 1 + turn % 4
        time.sleep(0.001)
    stop.set()
    caller.join()
    assert failures and not any(failures)
    hire(2)
    assert share("meet", words(0, 2), 2) == 0


FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: it is what we test
array = np.arange(6400.0)
expected = array.reshape(64, 100).sum(axis=1)
def right():
    sums = np.zeros(64)
    status = share("sum", words(array, 100, sums), 64, times=10)
    return status == 0 and sums.tolist() == expected.tolist()
assert right()
stop = False
def call():
    while not stop:
        assert right()
busy = threading.Thread(target=call)
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in the middle of a call"])
def test_a_forked_child_computes(busy):
    run_script(
        FORK
        + f"""
if {busy}:
    busy.start()
threads.reserve_scratch(20 << 20)
for turn in range(25):
    child = os.fork()
    if child == 0:
        fine = right() and share("scribble", words(20 << 20), 2) == 0
        hire(2)
        fine = fine and share("meet", words(0, 2), 2) == 0  # it has a worker of its own
        grandchild = os.fork() if turn == 0 else None
        if grandchild == 0:
            os._exit(0 if right() else 1)
        if grandchild:
            fine = fine and os.waitpid(grandchild, 0)[1] == 0
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert right()
stop = True
""",
        GRADATIM_NUM_THREADS="2",
    )


def test_a_forked_child_that_ends_as_a_program_does():
    run_script(
        FORK
        + """
child = os.fork()
assert right()
if child == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    )


ENDINGS = {
    "idle": "",
    "spinning": "share('count', words(np.zeros(9, np.int32)), 9)",
    "never used": "threads.pool()",
    "a thread in the middle of a call": """
def call():
    while True:
        share("count", words(np.zeros(90, np.int32)), 90, times=1000)
threading.Thread(target=call, daemon=True).start()
time.sleep(0.1)
""",
    "a kernel that does not end": """
threading.Thread(target=share, args=("meet", words(0, 5), 2), daemon=True).start()
time.sleep(0.1)
""",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_interpreter_ends_at_once(ending):
    body = "share('count', words(np.zeros(9, np.int32)), 9)\n" if ending else ""
    _, seconds = run_script(body + ending, GRADATIM_NUM_THREADS="3")
    assert seconds < 1


# --- how many threads ----------------------------------------------------------------------------


def test_the_number_that_was_set_is_the_number_there_is():
    threads.set_num_threads(3)
    assert threads.get_num_threads() == threads.pool().threads == 3


@pytest.mark.parametrize("count", [0, -2, 1025])
def test_a_number_out_of_range(count):
    with pytest.raises(ArgumentError, match=f"takes 1 to 1024 threads, not {count}"):
        threads.set_num_threads(count)


@pytest.mark.parametrize("count", [True, 2.0, "2", None])
def test_not_a_number(count):
    with pytest.raises(ArgumentTypeError, match="takes a whole number, not"):
        threads.set_num_threads(count)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_affinity_is_kept_to():
    output, _ = run_script(
        """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(threads.get_num_threads())
""",
        GRADATIM_NUM_THREADS="",
    )
    assert output.split()[0] == "1"


# --- other machines ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "triple",
    [
        "x86_64-pc-windows-msvc",
        "aarch64-pc-windows-msvc",
        "arm64-apple-darwin",
        "x86_64-apple-darwin",
        "aarch64-unknown-linux-gnu",
        "riscv64-unknown-linux-gnu",
    ],
)
def test_the_pool_assembles_elsewhere(triple):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(pool_code.pool_ir(triple))
    module.verify()
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=2)
    assembly = machine.emit_assembly(module)
    assert threads.PARALLEL_FOR in assembly
    waits = "SleepConditionVariableSRW" if "windows" in triple else "pthread_cond_wait"
    assert waits in assembly
