/* The pool of threads: every part once, whatever the number of threads, in a child of fork(), and after
 * sleep. */
#define _GNU_SOURCE /* sched_getaffinity and its kin */

#include "graph/pool.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PARTS = 500,
    MOST_WORKERS = 8
};

struct work {
    atomic_int *done;     /* by part */
    atomic_int *at_work;  /* by worker: how many parts it is at */
    atomic_bool *overlap; /* one worker was at two parts at once */
    atomic_int *workers;  /* that did a part, as bits */
};

static void do_part(const void *given, int64_t part, int worker)
{
    const struct work *work = given;
    if (atomic_fetch_add(&work->at_work[worker], 1) != 0)
        atomic_store(work->overlap, true);
    atomic_fetch_or(work->workers, 1 << worker);
    for (volatile int i = 0; i < 200; i++)
        ;
    atomic_fetch_add(&work->done[part], 1);
    atomic_fetch_sub(&work->at_work[worker], 1);
}

/* Runs a task and looks whether every part was done once, by workers below the limit; the workers. */
static int run_task(bl__pool *pool, int threads, int64_t parts)
{
    atomic_int done[PARTS], at_work[MOST_WORKERS], workers;
    atomic_bool overlap;
    atomic_init(&overlap, false);
    atomic_init(&workers, 0);
    for (int i = 0; i < PARTS; i++)
        atomic_init(&done[i], 0);
    for (int i = 0; i < MOST_WORKERS; i++)
        atomic_init(&at_work[i], 0);
    struct work work = {done, at_work, &overlap, &workers};
    bl__pool_run(pool, threads, parts, do_part, &work);
    for (int i = 0; i < PARTS; i++) {
        if (atomic_load(&done[i]) != (i < parts))
            return -1;
    }
    return atomic_load(&overlap) || atomic_load(&workers) >> threads ? -1 : atomic_load(&workers);
}

Test(pool, every_part_is_done_once)
{
    bl_allocator allocator = bl__default_allocator();
    for (int threads = 1; threads <= MOST_WORKERS; threads++) {
        bl__pool *pool = bl__pool_new(&allocator, threads);
        cr_assert_eq(bl__pool_threads(pool), threads);
        for (int i = 0; i < 200; i++)
            cr_assert_geq(run_task(pool, 1 + i % threads, (int64_t)(i * 7) % (PARTS + 1)), 0);
        for (int i = 0; i < 50; i++) /* more than it has */
            cr_assert_geq(run_task(pool, threads + 1 + i % 3, (int64_t)(i * 7) % (PARTS + 1)), 0);
        bl__pool_free(pool);
    }
    cr_assert_geq(run_task(NULL, 4, PARTS), 0, "no pool: the caller does it");
}

Test(pool, sleeping_threads_wake)
{
    bl_allocator allocator = bl__default_allocator();
    bl__pool *pool = bl__pool_new(&allocator, 4);
    int workers = 0;
    for (int i = 0; i < 200 && workers != 15;
         i++) { /* it is chance who gets a part: all have one in the end */
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        int seen = run_task(pool, 4, PARTS);
        cr_assert_geq(seen, 0);
        workers |= seen;
    }
    cr_assert_eq(workers, 15);
    bl__pool_free(pool);
}

Test(pool, survives_a_fork)
{
    bl_allocator allocator = bl__default_allocator();
    bl__pool *pool = bl__pool_new(&allocator, 3);
    cr_assert_geq(run_task(pool, 3, PARTS), 0);
    for (int uses = 0; uses < 2; uses++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            bool good = uses == 0 || (run_task(pool, 3, PARTS) >= 0 && run_task(pool, 3, PARTS) >= 0);
            bl__pool_free(pool);
            _exit(good ? 0 : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    }
    cr_assert_geq(run_task(pool, 3, PARTS), 0);
    bl__pool_free(pool);
}

static void note_rounding(const void *given, int64_t part, int worker)
{
    atomic_int *const *wrong = given;
    (void)part;
    (void)worker;
    for (volatile int i = 0; i < 200; i++)
        ;
    if (fegetround() != FE_UPWARD)
        atomic_fetch_add(*wrong, 1);
}

Test(pool, helpers_compute_as_the_caller_does)
{
    bl_allocator allocator = bl__default_allocator();
    sigset_t before, after;
    sigprocmask(SIG_SETMASK, NULL, &before);
    bl__pool *pool = bl__pool_new(&allocator, 4);
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i <= SIGRTMAX; i++)
        cr_expect_eq(sigismember(&before, i), sigismember(&after, i), "the caller's signal %d", i);
    atomic_int wrong;
    atomic_init(&wrong, 0);
    atomic_int *given = &wrong;
    fesetround(FE_UPWARD);
    for (int i = 0; i < 100; i++)
        bl__pool_run(pool, 4, PARTS, note_rounding, &given);
    fesetround(FE_TONEAREST);
    cr_assert_eq(atomic_load(&wrong), 0);
    bl__pool_free(pool);
}

/* ---- where they run ---- */

static void note_affinity(const void *given, int64_t part, int worker)
{
    cpu_set_t *const *sets = given;
    for (volatile int i = 0; i < 2000; i++)
        ;
    if (worker > 0)
        sched_getaffinity(0, sizeof(cpu_set_t), sets[worker]);
    (void)part;
}

/* Helpers keep off the CPU of the caller, and off no other; the caller's own CPUs stay as they were. */
Test(pool, helpers_leave_the_caller_its_cpu)
{
    cpu_set_t before, after, sets[MOST_WORKERS], *list[MOST_WORKERS];
    cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    if (CPU_COUNT(&before) < 2)
        cr_skip_test("one CPU only");
    bl_allocator allocator = bl__default_allocator();
    bl__pool *pool = bl__pool_new(&allocator, 4);
    int seen = 0, beside = 0; /* the caller may move on the way */
    for (int k = 0; k < MOST_WORKERS; k++)
        list[k] = &sets[k];
    for (int attempt = 0; attempt < 1000 && seen < 20; attempt++) {
        for (int k = 0; k < MOST_WORKERS; k++)
            CPU_ZERO(&sets[k]);
        int cpu = sched_getcpu();
        bl__pool_run(pool, 4, 100, note_affinity, list);
        for (int k = 1; k < 4 && cpu == sched_getcpu(); k++) {
            if (CPU_COUNT(&sets[k]) == 0)
                continue; /* took no part */
            seen++;
            beside += CPU_ISSET((size_t)cpu, &sets[k]) != 0;
            cr_expect_eq(CPU_COUNT(&sets[k]), CPU_COUNT(&before) - 1);
        }
    }
    cr_expect_gt(seen, 0);
    cr_expect_lt(4 * beside, seen);
    cr_assert_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    cr_expect(CPU_EQUAL(&before, &after));
    bl__pool_free(pool);
}
