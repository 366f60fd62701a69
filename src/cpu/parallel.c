/* Sharing out an instruction's work. */
#include "cpu/parallel.h"
#include "graph/pool.h"

bool bl__pays_for_threads(const bl__call *call, double nanoseconds)
{
    if (call->environment->threads <= 1 || nanoseconds < BL__WORTH_NANOSECONDS)
        return false;
    call->environment->wants_pool = true;
    return true;
}

struct job {
    const bl__call *call;
    const void *work;
    bl__part *part;
};

static void do_part(const void *given, int64_t part, int worker)
{
    const struct job *job = given;
    job->part(job->call, job->work, part, worker);
}

void bl__parallel(const bl__call *call, bool pays, int64_t parts, bl__part *part, const void *work)
{
    if (!pays) {
        for (int64_t i = 0; i < parts; i++)
            part(call, work, i, 0);
        return;
    }
    const struct job job = {call, work, part};
    bl__pool_run(call->environment->pool, call->environment->threads, parts, do_part, &job);
}
