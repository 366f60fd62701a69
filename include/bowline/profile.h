/* Profiles: how long the instructions of a program's runs take, as records, as a table, as a trace. */
#ifndef BOWLINE_PROFILE_H
#define BOWLINE_PROFILE_H

#include "program.h"

#include <stdio.h>

BL_BEGIN_DECLS

/* The times of one instruction, of the commit, or of whole runs, since the profile was started. */
typedef struct bl_profile_record {
    bl_instruction_info instruction; /* "run" of whole runs, with the sums of bl_program_describe */
    int64_t runs;                    /* that it finished in */
    int64_t nanoseconds;             /* of all of them */
    int64_t least;                   /* of one, in nanoseconds; 0 when there was none */
    int64_t last_begin; /* in the last run, by CLOCK_MONOTONIC; 0 when it did not finish in that */
    int64_t last_nanoseconds;
    double flops_per_second, bytes_per_second; /* over all of them, bytes read and written; 0 without time */
} bl_profile_record;

/* Times every instruction of the runs from now on, beginning at nothing. Without a profile a run looks at no
 * clock; with one, once an instruction. Instructions that else run side by side run one after the other, so
 * that each has a time of its own.
 * Returns: BL_OK or an error, and then everything is as it was. Errors: BL_ERR_MEMORY; BL_ERR_BUSY from
 * inside a run of the program; BL_ERR_ARGUMENT for NULL; whatever compile reported. Ownership: the records
 * are the program's. Threads: the context's. */
BL_API bl_status bl_profile_start(bl_program *program);

/* Times no more runs; what there is can still be read.
 * Returns, Errors: as bl_profile_start, without BL_ERR_MEMORY; BL_OK too when nothing was started. Ownership:
 * unchanged. Threads: the context's. */
BL_API bl_status bl_profile_stop(bl_program *program);

/* The times of instruction `index`, counted as by bl_program_instruction; the commit's behind the last. A run
 * that fails adds to the instructions that it finished.
 * Returns: the record, without times when nothing was started. Errors: none; instruction.op is NULL beyond
 * the commit. Ownership: the texts are the program's. Threads: the context's. */
BL_API bl_profile_record bl_profile_instruction(const bl_program *program, size_t index);

/* The times of whole runs that succeeded, from the first instruction until the states are free again.
 * Returns, Errors, Ownership, Threads: as bl_profile_instruction. */
BL_API bl_profile_record bl_profile_run(const bl_program *program);

/* Writes a table into text, terminated when size > 0: the times of ops, each summed over its instructions,
 * then those of the instructions and the commit, the longest first. A line has the mean and the least
 * microseconds of a run, the share of all that was timed, 10^9 operations and bytes a second, and the op; of
 * an instruction its number, its output's shape, scope and label too.
 * Returns: the length that the whole text needs. Errors: none. Ownership: the caller's buffer. Threads: the
 * context's. */
BL_API size_t bl_profile_format(const bl_program *program, char *text, size_t size);

/* Writes the last run as a trace for chrome://tracing and Perfetto: a JSON array of complete events, one an
 * instruction, one for the commit and one for the whole, with label, scope, operations and bytes as
 * arguments. Times are those of CLOCK_MONOTONIC, so that traces of one process lie side by side.
 * Returns: BL_OK or an error, kept by the context. Errors: BL_ERR_ARGUMENT (NULL), BL_ERR_STATE (no run was
 * timed), BL_ERR_IO (the file refuses the text), whatever compile reported. Ownership: the file stays the
 * caller's and is flushed, not closed. Threads: the context's. */
BL_API bl_status bl_profile_write_trace(const bl_program *program, FILE *file);

BL_END_DECLS

#endif
