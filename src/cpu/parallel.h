/* Private. How a kernel has its work shared out among threads: it cuts the work into parts by shape alone, so
 * that the bits do not depend on how many threads there are, and has the parts done. */
#ifndef BOWLINE_CPU_PARALLEL_H
#define BOWLINE_CPU_PARALLEL_H

#include "cpu/kernel.h"

/* Below this a second thread, which may have to be woken first, saves less than it costs. */
#define BL__WORTH_NANOSECONDS 30000.0

/* Does one part of an instruction; `work` is what the kernel gave. Threads that are at work at one time have
 * different workers, below call->environment->threads: each may have scratch of its own. */
typedef void bl__part(const bl__call *call, const void *work, int64_t part, int worker);

/* Says whether an instruction that takes so many nanoseconds on one thread is worth waking others for, and
 * makes sure that they are there. For prepare functions, which keep the answer in their plan. */
bool bl__pays_for_threads(const bl__call *call, double nanoseconds);

/* Has parts 0 .. parts-1 done, by several threads if it pays, and returns when all are. Several calls in one
 * kernel are done one after the other. */
void bl__parallel(const bl__call *call, bool pays, int64_t parts, bl__part *part, const void *work);

#endif
