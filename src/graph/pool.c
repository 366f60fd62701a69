/* The pool of threads.
 *
 * `state` says all that a thread must know at one look: the number of the task, whether it may still be
 * joined, by workers below which number, and how many have joined. A worker joins by adding itself; the
 * caller, once no part is left to pick, closes the task and waits for those that joined. Hence a thread that
 * sleeps too long misses the task and delays nobody. Threads that wait look again and again for a while, then
 * sleep.
 *
 * Each worker begins with a run of parts of its own, and when that is through goes on with what others have
 * left of theirs. Neighbouring parts mostly share memory, so they had better be one worker's, and those of
 * the next task, if it is cut likewise, the same worker's again.
 *
 * Helpers stay away from the CPU that the caller is on: a helper that is woken there waits until the caller
 * is through, which may take the kernel milliseconds to notice, as on virtual machines, whose halted CPUs do
 * not look idle. */
#define _GNU_SOURCE /* sched_getaffinity and its kin */

#include "graph/pool.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    ACTIVE_BITS = 10, /* of `state`: from below, who has joined, ... */
    LIMIT_BITS = 10,  /* ... the workers that may, ... */
    LIMIT_SHIFT = ACTIVE_BITS,
    OPEN_SHIFT = ACTIVE_BITS + LIMIT_BITS, /* ... whether they still may, ... */
    TASK_SHIFT,                            /* ... and the number of the task */
    MOST_THREADS = 1 << 8,
    LOOKS = 4000 /* before a thread sleeps: some tens of microseconds */
};

#define ACTIVE ((uint64_t)(1 << ACTIVE_BITS) - 1)
#define OPEN   ((uint64_t)1 << OPEN_SHIFT)

/* Some parts of the task, one after the other; on a cache line of its own. */
typedef struct run {
    _Alignas(64) atomic_int_fast64_t next; /* the first that nobody has picked */
    int64_t end;
} run;

typedef struct helper {
    bl__pool *pool;
    pthread_t thread;
    int worker;
    run own; /* that it begins with */
} helper;

struct bl__pool {
    const bl_allocator *allocator;
    size_t capacity; /* of helpers */
    int started;     /* of those: the first ones */
    int avoided;     /* the CPU that they stay away from; -1 for none */
    pid_t process;   /* that the threads are of */
    pthread_mutex_t mutex;
    pthread_cond_t begun, done;
    bl__task *task;
    const void *work;
    int runs;           /* that the task is cut into, one for each worker that may join */
    fenv_t environment; /* the caller's rounding mode and the like, which its helpers compute in */
    run own;            /* that the caller begins with */
    /* Each on a cache line of its own. */
    _Alignas(64) atomic_uint_fast64_t state;
    _Alignas(64) atomic_int sleepers; /* helpers that wait for `begun` */
    atomic_bool caller_sleeps, stops;
    helper helpers[];
};

static void look_again(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int bl__available_cpus(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        int count = CPU_COUNT(&set);
        return count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : count;
    }
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : (int)count;
}

/* ---- helpers ---- */

static uint64_t number_of(uint64_t state)
{
    return state >> TASK_SHIFT;
}

/* Whether a task other than `seen` is there, or the end. */
static bool has_news(bl__pool *pool, uint64_t seen)
{
    return number_of(atomic_load(&pool->state)) != seen || atomic_load(&pool->stops);
}

static void wait_for_news(bl__pool *pool, uint64_t seen)
{
    for (int i = 0; i < LOOKS; i++) {
        if (has_news(pool, seen))
            return;
        look_again();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1); /* before the last look: who begins a task looks here after that */
    while (!has_news(pool, seen))
        pthread_cond_wait(&pool->begun, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static run *run_of(bl__pool *pool, int worker)
{
    return worker == 0 ? &pool->own : &pool->helpers[worker - 1].own;
}

static void do_parts(bl__pool *pool, int worker)
{
    for (int i = 0; i < pool->runs; i++) {
        run *some = run_of(pool, (worker + i) % pool->runs);
        for (int64_t part;
             (part = atomic_fetch_add_explicit(&some->next, 1, memory_order_relaxed)) < some->end;)
            pool->task(pool->work, part, worker);
    }
}

/* Joins the task of the moment, where it is open to this worker, and returns its number. */
static uint64_t take_part(bl__pool *pool, int worker)
{
    uint64_t state = atomic_load(&pool->state);
    do {
        if (!(state & OPEN) || (uint64_t)worker >= (state >> LIMIT_SHIFT & ACTIVE))
            return number_of(state);
    } while (!atomic_compare_exchange_weak(&pool->state, &state, state + 1));
    fesetenv(&pool->environment);
    do_parts(pool, worker);
    state = atomic_fetch_sub(&pool->state, 1) - 1;
    if ((state & ACTIVE) == 0 && atomic_load(&pool->caller_sleeps)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->mutex);
    }
    return number_of(state);
}

static void *help(void *given)
{
    helper *self = given;
    for (uint64_t seen = 0; !atomic_load(&self->pool->stops);) {
        wait_for_news(self->pool, seen);
        seen = take_part(self->pool, self->worker);
    }
    return NULL;
}

/* ---- the pool ---- */

/* Starts the helpers, which take no signals. */
static void start(bl__pool *pool)
{
    sigset_t all, before;
    pool->process = getpid();
    pool->started = 0;
    pool->avoided = -1;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->done, NULL);
    atomic_init(&pool->state, 0);
    atomic_init(&pool->sleepers, 0);
    atomic_init(&pool->caller_sleeps, false);
    atomic_init(&pool->stops, false);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < pool->capacity; i++) {
        helper *new = &pool->helpers[i];
        *new = (helper){.pool = pool, .worker = (int)i + 1};
        if (pthread_create(&new->thread, NULL, help, new) != 0)
            break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bl__pool *bl__pool_new(const bl_allocator *allocator, int threads)
{
    size_t helpers = threads < 1 ? 0 : (size_t)(threads > MOST_THREADS ? MOST_THREADS : threads) - 1;
    bl__pool *pool = bl__allocate_data(allocator, sizeof(*pool) + helpers * sizeof(helper));
    if (!pool)
        return NULL;
    pool->allocator = allocator;
    pool->capacity = helpers;
    start(pool);
    return pool;
}

int bl__pool_threads(const bl__pool *pool)
{
    return (int)pool->capacity + 1;
}

void bl__pool_free(bl__pool *pool)
{
    if (!pool)
        return;
    if (pool->process == getpid()) { /* in a child of fork() the threads do not exist */
        pthread_mutex_lock(&pool->mutex);
        atomic_store(&pool->stops, true);
        pthread_cond_broadcast(&pool->begun);
        pthread_mutex_unlock(&pool->mutex);
        for (int i = 0; i < pool->started; i++)
            pthread_join(pool->helpers[i].thread, NULL);
        pthread_cond_destroy(&pool->begun);
        pthread_cond_destroy(&pool->done);
        pthread_mutex_destroy(&pool->mutex);
    }
    bl__release_data(pool->allocator, pool, sizeof(*pool) + pool->capacity * sizeof(helper));
}

/* Keeps helpers from the CPU that the caller is on now, where there are others. */
static void stay_away(bl__pool *pool)
{
#ifdef __linux__
    int cpu = sched_getcpu();
    cpu_set_t set;
    if (cpu == pool->avoided || cpu < 0 || cpu >= CPU_SETSIZE)
        return;
    pool->avoided = cpu;
    if (sched_getaffinity(0, sizeof(set), &set) != 0 || !CPU_ISSET((size_t)cpu, &set) || CPU_COUNT(&set) < 2)
        return;
    CPU_CLR((size_t)cpu, &set);
    for (int i = 0; i < pool->started; i++) /* what cannot be moved stays where it is */
        pthread_setaffinity_np(pool->helpers[i].thread, sizeof(set), &set);
#else
    (void)pool;
#endif
}

/* Where of so many parts the i-th of `runs` runs begins. */
static int64_t share_of(int64_t parts, int i, int runs)
{
    return parts / runs * i + parts % runs * i / runs;
}

/* Cuts the task into a run for each worker that may join. */
static void cut(bl__pool *pool, int threads, int64_t parts)
{
    pool->runs = threads <= pool->started ? threads : pool->started + 1;
    for (int i = 0; i < pool->runs; i++) {
        run *own = run_of(pool, i);
        atomic_store_explicit(&own->next, share_of(parts, i, pool->runs), memory_order_relaxed);
        own->end = share_of(parts, i + 1, pool->runs);
    }
}

/* Opens the task to the helpers, and wakes them if they sleep. */
static void begin(bl__pool *pool, int threads)
{
    uint64_t number = number_of(atomic_load(&pool->state)) + 1;
    atomic_store(&pool->state, number << TASK_SHIFT | OPEN | (uint64_t)threads << LIMIT_SHIFT);
    if (atomic_load(&pool->sleepers) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->begun);
    pthread_mutex_unlock(&pool->mutex);
}

/* Closes the task and waits for the helpers that joined. */
static void end(bl__pool *pool)
{
    uint64_t state = atomic_fetch_and(&pool->state, ~OPEN);
    for (int i = 0; i < LOOKS && (state & ACTIVE) != 0; i++) {
        look_again();
        state = atomic_load(&pool->state);
    }
    if ((state & ACTIVE) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while ((atomic_load(&pool->state) & ACTIVE) != 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

void bl__pool_run(bl__pool *pool, int threads, int64_t parts, bl__task *task, const void *work)
{
    if (!pool || threads <= 1 || parts <= 1) {
        for (int64_t part = 0; part < parts; part++)
            task(work, part, 0);
        return;
    }
    if (pool->process != getpid())
        start(pool);
    pool->task = task;
    pool->work = work;
    fegetenv(&pool->environment);
    cut(pool, threads, parts);
    stay_away(pool);
    begin(pool, threads);
    do_parts(pool, 0);
    end(pool);
}
