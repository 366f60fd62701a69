/* Private. The times of a program's runs. */
#ifndef BOWLINE_EXEC_PROFILE_H
#define BOWLINE_EXEC_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All in nanoseconds; begin and last are of the last run that finished it. */
typedef struct bl__timing {
    int64_t runs, total, least;
    int64_t begin, last;
} bl__timing;

/* A line of the table: an instruction, or all of one op. Times and work are those of a mean run. */
typedef struct bl__profile_line {
    const char *op;
    size_t index; /* of the instruction, or of the op's first */
    size_t count; /* of instructions */
    double nanoseconds, least, flops, bytes;
} bl__profile_line;

/* `timings` are those of the instructions, of the commit and of whole runs; NULL while none was started. */
typedef struct bl__profile {
    bl__timing *timings;
    bl__profile_line *lines; /* room for the table: one an instruction and one for the commit */
    bool on;
    int64_t run_begin, step_begin; /* of the run going on, or of the last */
} bl__profile;

/* A run begins; what is going on since the last note, or since the beginning, has been step `index`; the run
 * ends, after `steps` of them. */
void bl__profile_begin(bl__profile *profile);
void bl__profile_note(bl__profile *profile, size_t index);
void bl__profile_end(bl__profile *profile, size_t steps);

#endif
