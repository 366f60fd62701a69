/* Private. Programs found again: what a program was compiled from, and those that nobody holds. */
#ifndef BOWLINE_EXEC_CACHE_H
#define BOWLINE_EXEC_CACHE_H

#include "exec/lower.h"

enum {
    BL__PATTERN_NODES = 1 << 14 /* programs from more nodes are not kept */
};

/* What messages say of a node's place, copied but for the file. */
typedef struct bl__pattern_origin {
    const char *file; /* only compared */
    const char *label, *scope;
    int32_t line;
} bl__pattern_origin;

/* An op of the user's as it was: it may be gone when the next recording is compared with it. */
typedef struct bl__pattern_op {
    bl_op op;
    const char *name; /* a copy */
} bl__pattern_op;

/* A parameter by what stays its own. */
typedef struct bl__pattern_parameter {
    uint64_t id;
    uint64_t generation; /* of a leaf */
    int64_t axis, start; /* of an effect */
} bl__pattern_parameter;

/* The value of one node of the pattern. */
typedef struct bl__pattern_input {
    uint32_t node, output;
} bl__pattern_input;

/* A node that the program was compiled from. `attributes` are a copy of the node's, but for those of leaves
 * and effects, which hold pointers: an input's name is copied, a constant's data is the program's block of
 * its values, and a parameter is a bl__pattern_parameter. */
typedef struct bl__pattern_node {
    const bl_op *op;
    const bl__pattern_op *user; /* where the op is not the library's */
    const bl__pattern_origin *origin;
    const void *attributes;
    const bl__pattern_input *inputs;
    const int64_t *const *sizes; /* an output each */
    const uint8_t *types;        /* rank and dtype of each */
    uint32_t input_count;
} bl__pattern_node;

/* The nodes in the order of the tape. Everything lives in the program's arena. The links are the cache's, and
 * nothing while someone holds the program. */
typedef struct bl__pattern {
    bl_program *program;
    uint64_t hash;
    bl_compile_options options; /* threads by their number */
    uint32_t node_count, output_count, constant_count;
    bl__pattern_node *nodes;
    const bl__pattern_input *outputs; /* as they were given to compile */
    const uint32_t *constants;        /* nodes */
    uint32_t *states;                 /* by state of the program: a node that names its parameter */
    const bl__node **found;           /* by node: that of the recording it is compared with */
    uint32_t *ids;                    /* by node: on a tape of `lineage` */
    uint64_t lineage; /* see repeat.h; 0 where an op of the user's must be looked at each time */
    bool of_user;     /* there is one */
    struct bl__pattern *next, *newer, *older;
    size_t bytes;
} bl__pattern;

/* ---- pattern.c ---- */

/* The hash of what outputs are made from, under options, whose threads are a number here and below. */
uint64_t bl__pattern_hash(bl_tensor *const *outputs, size_t count, const bl_compile_options *options);
/* Keeps what a program was lowered from, unless there are too many nodes; the lowering can do nothing after
 * it. Without memory that is reported. */
void bl__pattern_record(bl__lowering *l, bl_tensor *const *outputs, size_t count);
/* Whether compiling outputs would make the same program, places in messages and all. */
bool bl__pattern_matches(bl__pattern *pattern, bl_tensor *const *outputs, size_t count,
                         const bl_compile_options *options);
/* Makes the program that of the recording that matched: it takes over parameters, constants' values and
 * handles.
 */
void bl__pattern_adopt(bl__pattern *pattern, bl_tensor *const *outputs, size_t count);

/* ---- cache.c ---- */

bool bl__cache_is_on(const bl_context *context);
/* A kept program of the same pattern, now the caller's; NULL when there is none. */
bl_program *bl__cache_take(bl_context *context, bl_tensor *const *outputs, size_t count,
                           const bl_compile_options *options);
/* Keeps a program that its holder gave back; false when it is not for the cache. Takes no memory. */
bool bl__cache_put(bl_program *program);

#endif
