"""Threads for machine code: a pool that stays, and the one function through which kernels use it.

`derive_parallel(function, context, parts, threads)` calls `function(context, part, seat)` once for every part, from the
calling thread, which has seat 0, and from up to `threads - 1` workers with a seat each. It returns when all are done.
Who runs which part is left to chance; kernels are written so that it does not matter. The pool serves one caller at a
time; who comes meanwhile, and where there are no POSIX threads, does all parts alone. Workers look for work a moment
longer before they sleep, since calls come in rows. After a fork the child starts a pool of its own.

The pool is a module of LLVM's text, built like a kernel, so that nothing has to be compiled when this is installed.
"""

from __future__ import annotations

import os
import sys
from functools import cache

from derive.errors import DomainError

SYMBOL = "derive_parallel"
MOST = 64  # seats of a pool
POSIX = ["pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_cond_init", "pthread_cond_wait"]
POSIX += ["pthread_cond_broadcast", "pthread_create", "pthread_detach", "getpid"]


def available() -> bool:
    """Whether kernels can use more than one thread on this system."""
    return sys.platform != "win32"


@cache
def default() -> int:
    """How many threads a kernel uses unless told otherwise: DERIVE_THREADS, or one for each core it may run on."""
    told = os.environ.get("DERIVE_THREADS")
    if told is not None:
        return checked(int(told) if told.isdigit() else told, "DERIVE_THREADS")
    if not available():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


def checked(threads: object, what: str = "threads") -> int:
    """A number of threads.

    Raises:
        DomainError: it is not a whole number from 1.
    """
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise DomainError(f"{what} is how many threads a kernel may use, a whole number from 1; given {threads!r}")
    return min(threads, MOST)


def pool() -> str:
    """The module of the pool."""
    return _POOL if available() else _ALONE


_ALONE = f"""
define void @{SYMBOL}(ptr %function, ptr %context, i64 %parts, i64 %threads) {{
entry:
  br label %test
test:
  %part = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %part, %parts
  br i1 %more, label %body, label %done
body:
  call void %function(ptr %context, i64 %part, i64 0)
  %next = add i64 %part, 1
  br label %test
done:
  ret void
}}
"""

_POOL = (
    _ALONE.replace(f"@{SYMBOL}", "@alone").replace("define", "define internal")
    + f"""
@lock = internal global [128 x i8] zeroinitializer, align 64
@wake = internal global [128 x i8] zeroinitializer, align 64
@idle = internal global [128 x i8] zeroinitializer, align 64
@owner = internal global i32 0        ; the process the workers live in
@busy = internal global i32 0         ; whether a caller is being served
@born = internal global i64 0         ; workers that were started
@function = internal global ptr null
@context = internal global ptr null
@parts = internal global i64 0
@taken = internal global i64 0, align 64   ; parts that somebody has begun
@seats = internal global i64 0        ; seats that are free for workers
@working = internal global i64 0, align 64 ; workers that hold a seat
@round = internal global i64 0, align 64   ; counts the jobs

declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @getpid()

; Take parts until there are none left.
define internal void @work(i64 %seat) {{
entry:
  %function = load ptr, ptr @function
  %context = load ptr, ptr @context
  %parts = load i64, ptr @parts
  br label %take
take:
  %part = atomicrmw add ptr @taken, i64 1 seq_cst
  %more = icmp slt i64 %part, %parts
  br i1 %more, label %run, label %done
run:
  call void %function(ptr %context, i64 %part, i64 %seat)
  br label %take
done:
  ret void
}}

define internal ptr @worker(ptr %unused) {{
entry:
  br label %sleep
sleep:
  %seen = phi i64 [ 0, %entry ], [ %now, %leave ]
  br label %look
look:
  %tries = phi i64 [ 0, %sleep ], [ %tried, %again ]
  %there = load atomic i64, ptr @round seq_cst, align 8
  %fresh = icmp ne i64 %there, %seen
  br i1 %fresh, label %enter, label %again
again:
  %tried = add i64 %tries, 1
  %patient = icmp slt i64 %tried, 20000
  br i1 %patient, label %look, label %enter
enter:
  %r1 = call i32 @pthread_mutex_lock(ptr @lock)
  br label %check
check:
  %now = load atomic i64, ptr @round seq_cst, align 8
  %free = load i64, ptr @seats
  %new = icmp ne i64 %now, %seen
  %room = icmp sgt i64 %free, 0
  %go = and i1 %new, %room
  br i1 %go, label %sit, label %wait
wait:
  %r2 = call i32 @pthread_cond_wait(ptr @wake, ptr @lock)
  br label %check
sit:
  %left = sub i64 %free, 1
  store i64 %left, ptr @seats
  %before = atomicrmw add ptr @working, i64 1 seq_cst
  %r3 = call i32 @pthread_mutex_unlock(ptr @lock)
  call void @work(i64 %free)
  %r4 = call i32 @pthread_mutex_lock(ptr @lock)
  %others = atomicrmw sub ptr @working, i64 1 seq_cst
  %r5 = call i32 @pthread_cond_broadcast(ptr @idle)
  br label %leave
leave:
  %r6 = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %sleep
}}

define void @{SYMBOL}(ptr %function, ptr %context, i64 %parts, i64 %threads) {{
entry:
  %one = icmp sle i64 %threads, 1
  %single = icmp sle i64 %parts, 1
  %no = or i1 %one, %single
  br i1 %no, label %alone, label %ask
ask:
  %asked = cmpxchg ptr @busy, i32 0, i32 1 seq_cst seq_cst
  %ours = extractvalue {{ i32, i1 }} %asked, 1
  br i1 %ours, label %ready, label %alone
alone:
  call void @alone(ptr %function, ptr %context, i64 %parts, i64 %threads)
  ret void
ready:
  %self = call i32 @getpid()
  %owner = load i32, ptr @owner
  %same = icmp eq i32 %self, %owner
  br i1 %same, label %publish, label %begin
begin:
  store i32 %self, ptr @owner
  store i64 0, ptr @born
  store i64 0, ptr @working
  store i64 0, ptr @seats
  store i64 0, ptr @round
  %b1 = call i32 @pthread_mutex_init(ptr @lock, ptr null)
  %b2 = call i32 @pthread_cond_init(ptr @wake, ptr null)
  %b3 = call i32 @pthread_cond_init(ptr @idle, ptr null)
  br label %publish
publish:
  %few = icmp slt i64 %parts, %threads
  %wanted = select i1 %few, i64 %parts, i64 %threads
  %helpers = sub i64 %wanted, 1
  %thread = alloca i64
  %p1 = call i32 @pthread_mutex_lock(ptr @lock)
  br label %count
count:
  %born = load i64, ptr @born
  %enough = icmp sge i64 %born, %helpers
  br i1 %enough, label %start, label %bear
bear:
  %made = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr null)
  %failed = icmp ne i32 %made, 0
  br i1 %failed, label %start, label %grow
grow:
  %id = load i64, ptr %thread
  %p2 = call i32 @pthread_detach(i64 %id)
  %more = add i64 %born, 1
  store i64 %more, ptr @born
  br label %count
start:
  store ptr %function, ptr @function
  store ptr %context, ptr @context
  store i64 %parts, ptr @parts
  store i64 0, ptr @taken
  store i64 %helpers, ptr @seats
  %job = atomicrmw add ptr @round, i64 1 seq_cst
  %p3 = call i32 @pthread_cond_broadcast(ptr @wake)
  %p4 = call i32 @pthread_mutex_unlock(ptr @lock)
  call void @work(i64 0)
  %p5 = call i32 @pthread_mutex_lock(ptr @lock)
  store i64 0, ptr @seats
  %p6 = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %look
look:
  %tries = phi i64 [ 0, %start ], [ %tried, %again ]
  %still = load atomic i64, ptr @working seq_cst, align 8
  %quiet = icmp eq i64 %still, 0
  br i1 %quiet, label %finish, label %again
again:
  %tried = add i64 %tries, 1
  %patient = icmp slt i64 %tried, 20000
  br i1 %patient, label %look, label %hold
hold:
  %p7 = call i32 @pthread_mutex_lock(ptr @lock)
  br label %test
test:
  %left = load atomic i64, ptr @working seq_cst, align 8
  %over = icmp eq i64 %left, 0
  br i1 %over, label %release, label %wait
wait:
  %p8 = call i32 @pthread_cond_wait(ptr @idle, ptr @lock)
  br label %test
release:
  %p9 = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %finish
finish:
  store atomic i32 0, ptr @busy seq_cst, align 4
  ret void
}}
"""
)
