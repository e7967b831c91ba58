"""The code of the pool of threads: LLVM IR for each operating system and processor.

What it does, and why the protocol is right, stands before the text of its functions (`POOL`);
threads.py compiles it and starts the workers.
"""

from __future__ import annotations

from string import Template

OUT_OF_MEMORY = 1 << 30  # the status of a call that could not have its scratch memory: nothing ran

# --- memory: where things stand in the pool ------------------------------------------------------

# What different threads write stands 128 bytes apart: processors fetch lines of 64 bytes in pairs.
# Who writes it, and how often:
FIELDS = {
    "scratch_bytes": 0,  # Python, rarely
    "spins": 8,  # Python, rarely
    "generation": 128,  # Python, rarely: workers of another generation leave
    "workers": 136,  # each worker, twice in its life
    "busy": 256,  # callers: the pool's lock, 1 while a job is shared
    "gate": 384,  # caller and workers, per job: who may enter, and how many are inside
    "function": 512,  # the job: written by the caller while the gate is closed and nobody inside
    "arguments": 520,
    "pieces": 528,
    "grain": 536,
    "chunks": 544,
    "regions": 552,
    "tag": 560,
    "status": 640,  # workers, on failure
    "sleepers": 768,  # workers that sleep, or are about to
    "mutex": 896,  # the operating system's: at most 64 bytes everywhere
    "condition": 1024,
    "blocks": 1152,  # pointers to scratch memory that nobody uses
    "next": 1280,  # for each region, mostly the thread whose region it is: see run_chunks
}
LINE = 128
SLOTS = 16
REGIONS = 16
POOL_BYTES = FIELDS["next"] + LINE * REGIONS
CONSTANTS = {
    "LINE": LINE,
    "SLOTS": SLOTS,
    "REGIONS": REGIONS,
    "POOL_BYTES": POOL_BYTES,
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
    # The gate: how many workers are inside (16 bits), whether more may enter, and the job's number.
    "INSIDE": 0xFFFF,
    "OPEN": 0x10000,
    "SHUT": ~0x10000,
    "JOB": 17,
    # A region's counter: the chunk (24 bits), and the job's number.
    "CHUNK": 0xFFFFFF,
    "TAG": ~0xFFFFFF,
    "TAG_SHIFT": 24,
}

# --- the operating system ------------------------------------------------------------------------

POSIX = """
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)

define internal void @os_init(ptr %mutex, ptr %condition) {
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %condition, ptr null)
  ret void
}
define internal void @os_lock(ptr %mutex) {
  call i32 @pthread_mutex_lock(ptr %mutex)
  ret void
}
define internal void @os_unlock(ptr %mutex) {
  call i32 @pthread_mutex_unlock(ptr %mutex)
  ret void
}
define internal void @os_wait(ptr %condition, ptr %mutex) {
  call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  ret void
}
define internal void @os_wake_one(ptr %condition) {
  call i32 @pthread_cond_signal(ptr %condition)
  ret void
}
define internal void @os_wake_all(ptr %condition) {
  call i32 @pthread_cond_broadcast(ptr %condition)
  ret void
}
define internal void @os_yield() {
  call i32 @sched_yield()
  ret void
}
define internal ptr @os_allocate(i64 %bytes) {
  %place = alloca ptr
  store ptr null, ptr %place
  %failed = call i32 @posix_memalign(ptr %place, i64 128, i64 %bytes)
  %memory = load ptr, ptr %place
  %fine = icmp eq i32 %failed, 0
  %result = select i1 %fine, ptr %memory, ptr null
  ret ptr %result
}
define internal void @os_free(ptr %memory) {
  call void @free(ptr %memory)
  ret void
}
"""

WINDOWS = """
declare void @InitializeSRWLock(ptr)
declare void @AcquireSRWLockExclusive(ptr)
declare void @ReleaseSRWLockExclusive(ptr)
declare void @InitializeConditionVariable(ptr)
declare i32 @SleepConditionVariableSRW(ptr, ptr, i32, i32)
declare void @WakeConditionVariable(ptr)
declare void @WakeAllConditionVariable(ptr)
declare i32 @SwitchToThread()
declare ptr @_aligned_malloc(i64, i64)
declare void @_aligned_free(ptr)

define internal void @os_init(ptr %mutex, ptr %condition) {
  call void @InitializeSRWLock(ptr %mutex)
  call void @InitializeConditionVariable(ptr %condition)
  ret void
}
define internal void @os_lock(ptr %mutex) {
  call void @AcquireSRWLockExclusive(ptr %mutex)
  ret void
}
define internal void @os_unlock(ptr %mutex) {
  call void @ReleaseSRWLockExclusive(ptr %mutex)
  ret void
}
define internal void @os_wait(ptr %condition, ptr %mutex) {
  call i32 @SleepConditionVariableSRW(ptr %condition, ptr %mutex, i32 -1, i32 0)
  ret void
}
define internal void @os_wake_one(ptr %condition) {
  call void @WakeConditionVariable(ptr %condition)
  ret void
}
define internal void @os_wake_all(ptr %condition) {
  call void @WakeAllConditionVariable(ptr %condition)
  ret void
}
define internal void @os_yield() {
  call i32 @SwitchToThread()
  ret void
}
define internal ptr @os_allocate(i64 %bytes) {
  %memory = call ptr @_aligned_malloc(i64 %bytes, i64 128)
  ret ptr %memory
}
define internal void @os_free(ptr %memory) {
  call void @_aligned_free(ptr %memory)
  ret void
}
"""

# By what a triple contains; all others are POSIX.
SYSTEMS = {"windows": WINDOWS}

# --- the processor -------------------------------------------------------------------------------

# What a thread that spins does between two looks, and the floating-point mode. Libraries built with
# -ffast-math, and `torch.set_flush_denormal`, change the mode of a single thread, and bits would
# depend on which thread took a piece: pieces always run in the standard mode.

X86_64 = """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

define internal void @cpu_pause() {
  call void @llvm.x86.sse2.pause()
  ret void
}
define internal i64 @float_mode() {
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %register = load i32, ptr %place
  %mode = and i32 %register, -64  ; the low six bits are flags
  %difference = xor i32 %mode, 8064  ; 0x1F80: round to nearest, denormals, no traps
  %result = zext i32 %difference to i64
  ret i64 %result
}
define internal void @set_float_mode(i64 %difference) {
  %place = alloca i32
  %narrow = trunc i64 %difference to i32
  %mode = xor i32 %narrow, 8064
  store i32 %mode, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
"""

AARCH64 = """
declare void @llvm.aarch64.isb(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)

define internal void @cpu_pause() {
  call void @llvm.aarch64.isb(i32 15)  ; `yield` does nothing on most of these processors
  ret void
}
define internal i64 @float_mode() {
  %mode = call i64 @llvm.aarch64.get.fpcr()
  ret i64 %mode
}
define internal void @set_float_mode(i64 %mode) {
  call void @llvm.aarch64.set.fpcr(i64 %mode)
  ret void
}
"""

OTHER = """
define internal void @cpu_pause() {
  ret void
}
define internal i64 @float_mode() {
  ret i64 0
}
define internal void @set_float_mode(i64 %mode) {
  ret void
}
"""

# By how a triple begins.
PROCESSORS = {"x86_64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}

# --- the pool ------------------------------------------------------------------------------------

# Why it is right.
#
# *The job is never read while it changes.* The caller that set `busy` writes the job while the gate
# is shut and nobody is inside, then opens the gate under a new number (a store that releases). A
# worker enters by a compare-and-swap that adds one to an *open* gate (acquires), so it sees this
# job, and leaves by subtracting one (releases). The caller, when no chunk is left, shuts the gate
# and waits until the count inside is 0 (acquires): then every piece is done and seen, and nobody
# can enter. A worker that comes late finds the gate shut, or another number: it has touched
# nothing.
#
# *No wake-up is lost.* A worker that goes to sleep holds the mutex, counts itself in `sleepers`,
# and looks at the gate once more before it waits. A caller opens the gate and then looks at
# `sleepers`. All four are sequentially consistent, so either the caller sees the sleeper or the
# sleeper sees the gate. In the first case the caller takes and leaves the mutex before it signals:
# by then the sleeper either waits, and gets the signal, or has not looked yet, and will see the
# gate. (And were one lost, a call would run on fewer threads: nobody waits for a worker that has
# not entered.)
#
# *No core stays busy.* A worker spins for `spins` turns after the last job it saw, then sleeps. A
# caller spins as long for workers that are still inside, then offers its core at each turn, for a
# worker that has been descheduled.

POOL = """
; Take chunks and do them until none are left. The chunks are cut in as many regions as there are
; threads. Each thread begins with its own, then helps in the others: so in the next job, which
; often reads what this one wrote, it finds most of that in its own cache, and the counters too.
; A counter that bears another job's number stands for one at the region's start.
define internal i64 @run_chunks(ptr %pool, ptr %scratch, i64 %self) {
entry:
  %function.at = getelementptr i8, ptr %pool, i64 $function
  %arguments.at = getelementptr i8, ptr %pool, i64 $arguments
  %pieces.at = getelementptr i8, ptr %pool, i64 $pieces
  %grain.at = getelementptr i8, ptr %pool, i64 $grain
  %chunks.at = getelementptr i8, ptr %pool, i64 $chunks
  %regions.at = getelementptr i8, ptr %pool, i64 $regions
  %tag.at = getelementptr i8, ptr %pool, i64 $tag
  %counters = getelementptr i8, ptr %pool, i64 $next
  %function = load ptr, ptr %function.at
  %arguments = load ptr, ptr %arguments.at
  %pieces = load i64, ptr %pieces.at
  %grain = load i64, ptr %grain.at
  %chunks = load i64, ptr %chunks.at
  %regions = load i64, ptr %regions.at
  %tag = load i64, ptr %tag.at
  br label %enter
enter:
  %turn = phi i64 [ 0, %entry ], [ %turn.next, %exhausted ]
  %status.before = phi i32 [ 0, %entry ], [ %status, %exhausted ]
  %shifted = add i64 %self, %turn
  %region = urem i64 %shifted, %regions
  %region.next = add i64 %region, 1
  %start.scaled = mul i64 %region, %chunks
  %stop.scaled = mul i64 %region.next, %chunks
  %start = udiv i64 %start.scaled, %regions
  %stop = udiv i64 %stop.scaled, %regions
  %offset = mul i64 %region, $LINE
  %counter = getelementptr i8, ptr %counters, i64 %offset
  br label %take
take:
  %status = phi i32 [ %status.before, %enter ], [ %status, %claim ], [ %combined, %run ]
  %value = load atomic i64, ptr %counter monotonic, align 8
  %value.tag = and i64 %value, $TAG
  %value.chunk = and i64 %value, $CHUNK
  %current = icmp eq i64 %value.tag, %tag
  %chunk = select i1 %current, i64 %value.chunk, i64 %start
  %some = icmp ult i64 %chunk, %stop
  br i1 %some, label %claim, label %exhausted
claim:
  %after = add i64 %chunk, 1
  %claimed = or i64 %tag, %after
  %pair = cmpxchg ptr %counter, i64 %value, i64 %claimed monotonic monotonic
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %run, label %take
run:
  %begin = mul i64 %chunk, %grain
  %left = sub i64 %pieces, %begin
  %short = icmp slt i64 %left, %grain
  %count = select i1 %short, i64 %left, i64 %grain
  %end = add i64 %begin, %count
  %new = call i32 %function(ptr %arguments, i64 %begin, i64 %end, ptr %scratch)
  %combined = or i32 %status, %new
  br label %take
exhausted:
  %turn.next = add i64 %turn, 1
  %more = icmp ult i64 %turn.next, %regions
  br i1 %more, label %enter, label %done
done:
  %wide = zext i32 %status to i64
  ret i64 %wide
}

; A block of scratch memory: its size, in a line of its own, and then the memory.
define internal ptr @new_block(i64 %bytes) {
  %all = add i64 %bytes, 128
  %block = call ptr @os_allocate(i64 %all)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %done, label %label
label:
  store i64 %bytes, ptr %block
  br label %done
done:
  ret ptr %block
}

; A block that nobody else uses and that is large enough, or null.
define internal ptr @take_block(ptr %pool) {
entry:
  %needed.at = getelementptr i8, ptr %pool, i64 $scratch_bytes
  %needed = load atomic i64, ptr %needed.at monotonic, align 8
  %slots = getelementptr i8, ptr %pool, i64 $blocks
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %after, %further ]
  %slot = getelementptr ptr, ptr %slots, i64 %i
  %seen = load atomic ptr, ptr %slot monotonic, align 8
  %empty = icmp eq ptr %seen, null
  br i1 %empty, label %further, label %grab
grab:
  %block = atomicrmw xchg ptr %slot, ptr null acquire
  %gone = icmp eq ptr %block, null
  br i1 %gone, label %further, label %measure
measure:
  %size = load i64, ptr %block
  %enough = icmp uge i64 %size, %needed
  br i1 %enough, label %found, label %small
found:
  ret ptr %block
small:
  call void @os_free(ptr %block)
  br label %further
further:
  %after = add i64 %i, 1
  %more = icmp ult i64 %after, $SLOTS
  br i1 %more, label %look, label %allocate
allocate:
  %new = call ptr @new_block(i64 %needed)
  ret ptr %new
}

define internal void @put_block(ptr %pool, ptr %block) {
entry:
  %slots = getelementptr i8, ptr %pool, i64 $blocks
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %after, %further ]
  %slot = getelementptr ptr, ptr %slots, i64 %i
  %seen = load atomic ptr, ptr %slot monotonic, align 8
  %free = icmp eq ptr %seen, null
  br i1 %free, label %put, label %further
put:
  %pair = cmpxchg ptr %slot, ptr null, ptr %block release monotonic
  %done = extractvalue { ptr, i1 } %pair, 1
  br i1 %done, label %end, label %further
further:
  %after = add i64 %i, 1
  %more = icmp ult i64 %after, $SLOTS
  br i1 %more, label %look, label %full
full:
  call void @os_free(ptr %block)
  ret void
end:
  ret void
}

define ptr @gradatim_new_pool() {
entry:
  %pool = call ptr @os_allocate(i64 $POOL_BYTES)
  %failed = icmp eq ptr %pool, null
  br i1 %failed, label %done, label %clear
clear:
  %offset = phi i64 [ 0, %entry ], [ %after, %clear ]
  %word = getelementptr i8, ptr %pool, i64 %offset
  store i64 0, ptr %word
  %after = add i64 %offset, 8
  %more = icmp ult i64 %after, $POOL_BYTES
  br i1 %more, label %clear, label %init
init:
  %mutex = getelementptr i8, ptr %pool, i64 $mutex
  %condition = getelementptr i8, ptr %pool, i64 $condition
  call void @os_init(ptr %mutex, ptr %condition)
  br label %done
done:
  ret ptr %pool
}

; Where a worker spends its life. `self` is 1 for the first worker: the caller is 0.
define void @gradatim_work(ptr %pool, i64 %generation, i64 %self) {
entry:
  %spins.at = getelementptr i8, ptr %pool, i64 $spins
  %generation.at = getelementptr i8, ptr %pool, i64 $generation
  %workers.at = getelementptr i8, ptr %pool, i64 $workers
  %gate.at = getelementptr i8, ptr %pool, i64 $gate
  %status.at = getelementptr i8, ptr %pool, i64 $status
  %sleepers.at = getelementptr i8, ptr %pool, i64 $sleepers
  %mutex = getelementptr i8, ptr %pool, i64 $mutex
  %condition = getelementptr i8, ptr %pool, i64 $condition
  %needed.at = getelementptr i8, ptr %pool, i64 $scratch_bytes
  %block.at = alloca ptr  ; its scratch: none before the first job
  %seen.at = alloca i64  ; the number of the last job that it saw
  store ptr null, ptr %block.at
  %gate.now = load atomic i64, ptr %gate.at monotonic, align 8
  %number.now = lshr i64 %gate.now, $JOB
  store i64 %number.now, ptr %seen.at
  atomicrmw add ptr %workers.at, i64 1 monotonic
  call void @set_float_mode(i64 0)
  br label %wait

wait:
  %spins = load atomic i64, ptr %spins.at monotonic, align 8
  %seen = load i64, ptr %seen.at
  br label %spin
spin:
  %left = phi i64 [ %spins, %wait ], [ %fewer, %pause ]
  %current = load atomic i64, ptr %generation.at monotonic, align 8
  %stay = icmp eq i64 %current, %generation
  br i1 %stay, label %look, label %leave
look:
  %gate = load atomic i64, ptr %gate.at monotonic, align 8
  %number = lshr i64 %gate, $JOB
  %same = icmp eq i64 %number, %seen
  br i1 %same, label %pause, label %another
pause:
  call void @cpu_pause()
  %fewer = sub i64 %left, 1
  %on = icmp sgt i64 %fewer, 0
  br i1 %on, label %spin, label %doze

another:
  %open.bit = and i64 %gate, $OPEN
  %open = icmp ne i64 %open.bit, 0
  br i1 %open, label %enter, label %missed
missed:
  store i64 %number, ptr %seen.at
  br label %wait
enter:
  %with.me = add i64 %gate, 1
  %pair = cmpxchg ptr %gate.at, i64 %gate, i64 %with.me acquire monotonic
  %entered = extractvalue { i64, i1 } %pair, 1
  br i1 %entered, label %inside, label %wait
inside:
  store i64 %number, ptr %seen.at
  %needed = load atomic i64, ptr %needed.at monotonic, align 8
  %old.block = load ptr, ptr %block.at
  %none = icmp eq ptr %old.block, null
  br i1 %none, label %allocate, label %measure
measure:
  %size = load i64, ptr %old.block
  %enough = icmp uge i64 %size, %needed
  br i1 %enough, label %run, label %replace
replace:
  call void @os_free(ptr %old.block)
  br label %allocate
allocate:
  %new.block = call ptr @new_block(i64 %needed)
  store ptr %new.block, ptr %block.at
  %failed = icmp eq ptr %new.block, null
  br i1 %failed, label %out, label %run
run:
  %block = load ptr, ptr %block.at
  %scratch = getelementptr i8, ptr %block, i64 128
  %status = call i64 @run_chunks(ptr %pool, ptr %scratch, i64 %self)
  %fine = icmp eq i64 %status, 0
  br i1 %fine, label %out, label %report
report:
  atomicrmw or ptr %status.at, i64 %status monotonic
  br label %out
out:
  atomicrmw sub ptr %gate.at, i64 1 release
  br label %wait

doze:
  call void @os_lock(ptr %mutex)
  atomicrmw add ptr %sleepers.at, i64 1 seq_cst
  br label %check
check:
  %gate.again = load atomic i64, ptr %gate.at seq_cst, align 8
  %number.again = lshr i64 %gate.again, $JOB
  %no.job = icmp eq i64 %number.again, %seen
  %current.again = load atomic i64, ptr %generation.at seq_cst, align 8
  %still = icmp eq i64 %current.again, %generation
  %sleep = and i1 %no.job, %still
  br i1 %sleep, label %asleep, label %awake
asleep:
  call void @os_wait(ptr %condition, ptr %mutex)
  br label %check
awake:
  atomicrmw sub ptr %sleepers.at, i64 1 seq_cst
  call void @os_unlock(ptr %mutex)
  br label %wait

leave:
  atomicrmw sub ptr %workers.at, i64 1 monotonic
  %last.block = load ptr, ptr %block.at
  %have = icmp ne ptr %last.block, null
  br i1 %have, label %free, label %end
free:
  call void @os_free(ptr %last.block)
  ret void
end:
  ret void
}

; Every worker that there is now leaves, as soon as it is out of its job. Returns the generation of
; those that come next.
define i64 @gradatim_dismiss(ptr %pool) {
  %generation.at = getelementptr i8, ptr %pool, i64 $generation
  %mutex = getelementptr i8, ptr %pool, i64 $mutex
  %condition = getelementptr i8, ptr %pool, i64 $condition
  %old = atomicrmw add ptr %generation.at, i64 1 seq_cst
  call void @os_lock(ptr %mutex)
  call void @os_unlock(ptr %mutex)
  call void @os_wake_all(ptr %condition)
  %new = add i64 %old, 1
  ret i64 %new
}

; Wake as many sleepers as there are `others`, chunks for somebody else than the caller, beyond
; those for workers that are awake.
define internal void @rouse(ptr %pool, i64 %sleepers, i64 %others) {
entry:
  %workers.at = getelementptr i8, ptr %pool, i64 $workers
  %mutex = getelementptr i8, ptr %pool, i64 $mutex
  %condition = getelementptr i8, ptr %pool, i64 $condition
  %workers = load atomic i64, ptr %workers.at monotonic, align 8
  %awake = sub i64 %workers, %sleepers
  %wanted = sub i64 %others, %awake
  %any = icmp sgt i64 %wanted, 0
  br i1 %any, label %sync, label %done
sync:
  call void @os_lock(ptr %mutex)
  call void @os_unlock(ptr %mutex)
  %all = icmp sge i64 %wanted, %sleepers
  br i1 %all, label %everybody, label %one
everybody:
  call void @os_wake_all(ptr %condition)
  ret void
one:
  %left = phi i64 [ %wanted, %sync ], [ %fewer, %one ]
  call void @os_wake_one(ptr %condition)
  %fewer = sub i64 %left, 1
  %more = icmp sgt i64 %fewer, 0
  br i1 %more, label %one, label %done
done:
  ret void
}

define i32 @gradatim_parallel_for(ptr %pool, ptr %function, ptr %arguments,
                                  i64 %pieces, i64 %grain) {
entry:
  %nothing = icmp sle i64 %pieces, 0
  br i1 %nothing, label %empty, label %begin
empty:
  ret i32 0
begin:
  %mode = call i64 @float_mode()
  %standard = icmp eq i64 %mode, 0
  br i1 %standard, label %run, label %change
change:
  call void @set_float_mode(i64 0)
  %changed.status = call i32 @share_out(ptr %pool, ptr %function, ptr %arguments, i64 %pieces,
                                        i64 %grain)
  call void @set_float_mode(i64 %mode)
  ret i32 %changed.status
run:
  %status = call i32 @share_out(ptr %pool, ptr %function, ptr %arguments, i64 %pieces, i64 %grain)
  ret i32 %status
}

define internal i32 @share_out(ptr %pool, ptr %function, ptr %arguments,
                               i64 %pieces, i64 %grain.given) {
entry:
  %block = call ptr @take_block(ptr %pool)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %poor, label %choose
poor:
  ret i32 $OUT_OF_MEMORY
choose:
  %scratch = getelementptr i8, ptr %block, i64 128
  %workers.at = getelementptr i8, ptr %pool, i64 $workers
  %busy.at = getelementptr i8, ptr %pool, i64 $busy
  %small = icmp slt i64 %grain.given, 1
  %grain = select i1 %small, i64 1, i64 %grain.given
  %single = icmp sle i64 %pieces, %grain
  br i1 %single, label %alone, label %help
help:
  %workers = load atomic i64, ptr %workers.at monotonic, align 8
  %nobody = icmp sle i64 %workers, 0
  br i1 %nobody, label %alone, label %idle
idle:
  %busy = load atomic i64, ptr %busy.at monotonic, align 8
  %taken = icmp ne i64 %busy, 0
  br i1 %taken, label %alone, label %try
try:
  %before = atomicrmw xchg ptr %busy.at, i64 1 acquire
  %beaten = icmp ne i64 %before, 0
  br i1 %beaten, label %alone, label %share

alone:
  %alone.status = call i32 %function(ptr %arguments, i64 0, i64 %pieces, ptr %scratch)
  call void @put_block(ptr %pool, ptr %block)
  ret i32 %alone.status

share:
  ; A chunk's number has 24 bits: if there are more chunks, they are larger.
  %last.piece = sub i64 %pieces, 1
  %least = udiv i64 %last.piece, $CHUNK
  %least.grain = add i64 %least, 1
  %fine = icmp sge i64 %grain, %least.grain
  %real.grain = select i1 %fine, i64 %grain, i64 %least.grain
  %others = udiv i64 %last.piece, %real.grain
  %chunks = add i64 %others, 1
  %threads = add i64 %workers, 1
  %few = icmp slt i64 %threads, %chunks
  %useful = select i1 %few, i64 %threads, i64 %chunks
  %many = icmp sgt i64 %useful, $REGIONS
  %regions = select i1 %many, i64 $REGIONS, i64 %useful
  %function.at = getelementptr i8, ptr %pool, i64 $function
  %arguments.at = getelementptr i8, ptr %pool, i64 $arguments
  %pieces.at = getelementptr i8, ptr %pool, i64 $pieces
  %grain.at = getelementptr i8, ptr %pool, i64 $grain
  %chunks.at = getelementptr i8, ptr %pool, i64 $chunks
  %regions.at = getelementptr i8, ptr %pool, i64 $regions
  %tag.at = getelementptr i8, ptr %pool, i64 $tag
  %status.at = getelementptr i8, ptr %pool, i64 $status
  %gate.at = getelementptr i8, ptr %pool, i64 $gate
  %sleepers.at = getelementptr i8, ptr %pool, i64 $sleepers
  %spins.at = getelementptr i8, ptr %pool, i64 $spins
  store ptr %function, ptr %function.at
  store ptr %arguments, ptr %arguments.at
  store i64 %pieces, ptr %pieces.at
  store i64 %real.grain, ptr %grain.at
  store i64 %chunks, ptr %chunks.at
  store i64 %regions, ptr %regions.at
  store atomic i64 0, ptr %status.at monotonic, align 8
  %gate.shut = load atomic i64, ptr %gate.at monotonic, align 8
  %number.old = lshr i64 %gate.shut, $JOB
  %number = add i64 %number.old, 1
  %tag = shl i64 %number, $TAG_SHIFT
  store i64 %tag, ptr %tag.at
  %number.high = shl i64 %number, $JOB
  %gate.open = or i64 %number.high, $OPEN
  store atomic i64 %gate.open, ptr %gate.at seq_cst, align 8
  %sleepers = load atomic i64, ptr %sleepers.at seq_cst, align 8
  %asleep = icmp sgt i64 %sleepers, 0
  br i1 %asleep, label %wake, label %work
wake:
  call void @rouse(ptr %pool, i64 %sleepers, i64 %others)
  br label %work
work:
  %own = call i64 @run_chunks(ptr %pool, ptr %scratch, i64 0)
  %gate.last = atomicrmw and ptr %gate.at, i64 $SHUT acq_rel
  %inside = and i64 %gate.last, $INSIDE
  %finished = icmp eq i64 %inside, 0
  br i1 %finished, label %end, label %await
await:
  %spins = load atomic i64, ptr %spins.at monotonic, align 8
  br label %look
look:
  %left = phi i64 [ %spins, %await ], [ %fewer, %pause ], [ 0, %yield ]
  %gate.now = load atomic i64, ptr %gate.at acquire, align 8
  %inside.now = and i64 %gate.now, $INSIDE
  %out = icmp eq i64 %inside.now, 0
  br i1 %out, label %end, label %patience
patience:
  %patient = icmp sgt i64 %left, 0
  br i1 %patient, label %pause, label %yield
pause:
  call void @cpu_pause()
  %fewer = sub i64 %left, 1
  br label %look
yield:
  call void @os_yield()
  br label %look
end:
  %theirs = load atomic i64, ptr %status.at monotonic, align 8
  store atomic i64 0, ptr %busy.at release, align 8
  call void @put_block(ptr %pool, ptr %block)
  %all = or i64 %own, %theirs
  %result = trunc i64 %all to i32
  ret i32 %result
}

; For measuring how long a pause is.
define void @gradatim_pause(i64 %times) {
entry:
  br label %again
again:
  %left = phi i64 [ %times, %entry ], [ %fewer, %again ]
  call void @cpu_pause()
  %fewer = sub i64 %left, 1
  %more = icmp sgt i64 %fewer, 0
  br i1 %more, label %again, label %done
done:
  ret void
}
"""


def pool_ir(triple: str) -> str:
    """The pool as LLVM IR for the machine that `triple` names."""
    system = next((ir for name, ir in SYSTEMS.items() if name in triple), POSIX)
    processor = next((ir for name, ir in PROCESSORS.items() if triple.startswith(name)), OTHER)
    body = Template(POOL).substitute(FIELDS | CONSTANTS)
    return f'target triple = "{triple}"\n{system}\n{processor}\n{body}'
