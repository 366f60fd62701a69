/* The file functions that writers call, made to fail: the linker puts these in place of open, write, fsync,
 * close, rename and fchmod for the library's objects in this program. */
#ifndef TESTS_IO_FAILING_FILES_H
#define TESTS_IO_FAILING_FILES_H

#include <stdbool.h>

typedef enum failing_mode {
    FAILING_ERROR,      /* the call fails */
    FAILING_SHORT,      /* a write writes half; other calls go well */
    FAILING_SHORT_FULL, /* a write writes half, and the next one fails: a full disk */
    FAILING_INTERRUPTED /* a write or fsync is interrupted once */
} failing_mode;

/* From now on the k-th call does so, with that errno; k counts from 1. */
void failing_files_begin(long k, failing_mode mode, int code);
/* Back to normal. Whether that call came. */
bool failing_files_end(void);
/* The name of the function whose call failed. */
const char *failing_files_name(void);

#endif
