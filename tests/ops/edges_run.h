/* Recording and running one form of a row of edges.h, for test_edges.c. */
#ifndef TESTS_OPS_EDGES_RUN_H
#define TESTS_OPS_EDGES_RUN_H

#include "edges.h"

/* What is done to a row. */
typedef struct edge_form {
    const edge_row *row;
    const char *shapes;  /* row->shapes or row->rank8 */
    char along;          /* the letter that '*' stands for */
    int64_t size[26];    /* of each letter */
    uint32_t replaced;   /* inputs that have the axes of `instead`, a bit each */
    const char *instead; /* "" or "1" */
    int axis_call;       /* the call of edge_at that gets another axis, from 1; 0: none */
    int axis_shift; /* 0: its axis counted from the end; 1: one behind the last; -1: one before the first */
    int argument_call;  /* the call of edge_argument that gets another value, from 1; 0: none */
    bool argument_high; /* the high one */
    char zeroed;        /* inputs that have the letter are zeros */
    int index_input;    /* the input whose last index is `index`; -1: none */
    int64_t index;
    bool narrow;       /* indices are i32 */
    bool goes_on;      /* on the graph as it is, behind what stands there */
    double special;    /* unless 0, the first number of each leaf */
    bool only_compile; /* a program with the gradients is compiled, not run */
} edge_form;

typedef enum edge_stage {
    EDGE_RECORD,
    EDGE_COMPILE,
    EDGE_RUN,
    EDGE_DONE
} edge_stage;

/* What came of it. */
typedef struct edge_result {
    edge_stage stage; /* the one that failed, or EDGE_DONE */
    bl_error error;
    bl_shape shape;   /* of the result */
    bool is_recorded; /* the op was; its gradients may not have been */
    bool has_leaves;
    bool is_leaf_error; /* no input could be made */
    int highest_rank;   /* of inputs and results */
    int axis_calls, argument_calls;
    bool uses_along;
    bool has_node;  /* the op's own node was recorded */
    size_t count;   /* of values: those of the op's outputs, then those of the gradients by each leaf */
    size_t outputs; /* how many of them are outputs' */
    size_t first;   /* how many of them are the first output's, or the state's */
    size_t reached; /* gradients that are not zeros for want of a path */
    bool is_differentiated;
    double values[EDGE_VALUES];
    double inputs[EDGE_INPUTS][64]; /* the first values of each input of reals */
    size_t input_counts[EDGE_INPUTS];
    double state_after; /* of a state that the run adds 1 to */
} edge_result;

/* The form of a row as it stands, in small sizes. */
edge_form edge_form_of(const edge_row *row);

/* Records it on the fixture's graph, which is reset, and runs it. */
void edge_run(const edge_form *form, edge_result *result);

/* Records it and compares its derivatives with central differences; NULL, or why they differ. */
const char *edge_gradcheck(const edge_form *form);

/* Whether an input is of kind 'i'; its limit through *limit. */
bool edge_is_index(const edge_row *row, size_t input, char *limit);
size_t edge_input_count(const edge_row *row);

#endif
