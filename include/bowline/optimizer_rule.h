/* What an optimizer is. The library's own and those of its users are described by the same struct. */
#ifndef BOWLINE_OPTIMIZER_RULE_H
#define BOWLINE_OPTIMIZER_RULE_H

#include "optimizer.h"

BL_BEGIN_DECLS

#define BL_RULE_SLOTS 8

/* A state that is kept for each parameter: a buffer RULE.SLOT.PARAMETER. */
typedef struct bl_rule_slot {
    const char *name; /* "m" */
    double initial;   /* every element at first; of an integer or bool slot, one that it can hold */
    /* What the slot is for a parameter. On entry *dtype and *shape are the parameter's; false: this parameter
     * has none. NULL: the parameter's own dtype and shape. */
    bool (*form)(const bl_parameter *parameter, const void *options, bl_dtype *dtype, bl_shape *shape);
} bl_rule_slot;

/* The update of one parameter, as a rule's formula sees it. lr and count are f64 scalars, to be cast where
 * they meet tensors of another dtype. */
typedef struct bl_update_call {
    bl_graph *graph;
    const void *options;
    bl_parameter *target; /* the parameter itself: its name, dtype and shape */
    bl_tensor *parameter; /* its values before the update */
    bl_tensor *gradient;
    bl_tensor *lr;
    bl_tensor *count; /* updates of this parameter, this one included; NULL unless counted */
    /* The slots before the update, which the formula leaves as after it; NULL where there is none. */
    bl_tensor *state[BL_RULE_SLOTS];
    const char *rule; /* its name, for messages */
} bl_update_call;

enum {
    /* The formula goes by its call alone: what it recorded once may be taken over when a graph is reset and
     * the same is recorded again, without asking it. */
    BL_RULE_PURE = 1u << 0
};

/* What tells one optimizer from another. */
typedef struct bl_rule {
    size_t size;                       /* sizeof(bl_rule), so that the struct can grow */
    const char *name;                  /* the constructor's name without "bl_": "adam" */
    unsigned flags;                    /* BL_RULE_.. */
    bool counted;                      /* the formula asks how often a parameter was updated */
    size_t options_size;               /* bytes that are copied into the optimizer */
    bl_rule_slot slots[BL_RULE_SLOTS]; /* up to the first without a name */
    /* Appends the formula: the parameter after the update, of its dtype and shape. Required. */
    bl_tensor *(*update)(bl_update_call *call);
} bl_rule;

/* An optimizer of a rule's. The options are copied, byte by byte.
 * Returns: the optimizer, or NULL (then bl_context_error tells).
 * Errors: BL_ERR_ARGUMENT (a NULL rule or one of an unknown size, without name or formula, with two slots of
 * one name or one called "count" beside a count; options NULL that have a size; lr negative or not finite),
 * BL_ERR_MEMORY. Ownership: the caller's, until bl_optimizer_free; the rule is copied, but what it points at
 * must outlive the optimizer. Threads: the context's. */
BL_API bl_optimizer *bl_optimizer_new(bl_context *context, const bl_rule *rule, double lr,
                                      const void *options);

/* Reports an error from a formula; the rule's and the parameter's name are put in front.
 * Returns: the graph's invalid tensor, for the formula to return. Errors: the one given.
 * Ownership: the text is copied. Threads: the context's. */
BL_API bl_tensor *bl_update_fail(bl_update_call *call, bl_status status, const char *format, ...)
    BL_PRINTF(3, 4);

BL_END_DECLS

#endif
