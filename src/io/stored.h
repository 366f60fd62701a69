/* Private. The dtypes of files: by name, and their conversion to others. */
#ifndef BOWLINE_IO_STORED_H
#define BOWLINE_IO_STORED_H

#include "bowline/tensor_file.h"
#include "io/caller.h"

/* Whether values of one dtype can be written as another: see bl_stored_read. */
bool bl__stored_convertible(bl_stored_dtype from, bl_stored_dtype to);

/* Why a value could not be converted: its index, and the value. */
typedef struct bl__stored_misfit {
    size_t index;
    int64_t value;  /* of u64 beyond i64, INT64_MIN */
    bool malformed; /* a bool that is neither 0 nor 1; else a value out of range */
} bl__stored_misfit;

/* Converts `count` values of any alignment; with `data` NULL it only checks them. False at the first value
 * that does not fit, which is described in *misfit. The dtypes are convertible. */
bool bl__stored_convert(bl_stored_dtype from, const void *values, bl_stored_dtype to, void *data,
                        size_t count, bl__stored_misfit *misfit);
/* Says that in words, "element 3 of mask is 2, not 0 or 1", and gives the code of the error. */
bl_status bl__stored_describe(const char *name, bl_stored_dtype to, const bl__stored_misfit *misfit,
                              char *text, size_t size);
/* Reports it. */
bl_status bl__stored_report(const bl__caller *caller, const char *name, bl_stored_dtype to,
                            const bl__stored_misfit *misfit);

/* A copy that allows for NULL where there is nothing to copy. */
void bl__stored_copy(void *data, const void *values, size_t bytes);

#endif
