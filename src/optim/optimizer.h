/* Private. What an optimizer consists of, and what it keeps for each parameter. */
#ifndef BOWLINE_OPTIM_OPTIMIZER_H
#define BOWLINE_OPTIM_OPTIMIZER_H

#include "bowline/optimizer_rule.h"
#include "graph/glob.h"
#include "graph/table.h"

/* What an optimizer keeps for one parameter, to which it holds a reference. */
typedef struct bl__parameter_state {
    bl_parameter *parameter;
    bl_parameter *slots[BL_RULE_SLOTS]; /* NULL where the parameter has none */
    bl_parameter *count;                /* i64, scalar; NULL unless counted */
    size_t before;                      /* buffers of all states made before this one */
} bl__parameter_state;

/* Whose parameters are updated by an optimizer of its own. */
typedef struct bl__group {
    bl_optimizer *optimizer;
    bl__name_pattern pattern; /* with copies of its texts */
} bl__group;

struct bl_optimizer {
    bl_context *context;
    bl_rule rule;
    void *options;       /* a copy, for the formula */
    double initial_lr;   /* that it was made with: what schedules go by */
    bl_parameter *lr;    /* f64, scalar */
    bl_parameter *step;  /* i64, scalar: updates committed */
    bl__table states;    /* a parameter's id -> bl__parameter_state */
    size_t kept_states;  /* how many there were when the update that is being recorded began */
    bl_optimizer *owner; /* of which it is a group */
    bl__group *groups;
    size_t group_count, group_capacity;
    bl__table claims; /* a parameter's id -> the group's optimizer that last claimed it */
    bl_error error;
};

/* A buffer of the optimizer: RULE.KIND, and .PARAMETER unless that is NULL, zeroed. NULL without memory. */
bl_parameter *bl__optimizer_buffer(const bl_optimizer *optimizer, const char *kind,
                                   const bl_parameter *parameter, bl_dtype dtype, bl_shape shape);

/* The optimizer that updates a parameter: a group's or `optimizer` itself. NULL when two groups claim it or
 * without memory: then *status and `why` (of `size` bytes) say so. */
bl_optimizer *bl__optimizer_for(bl_optimizer *optimizer, const bl_parameter *parameter, bl_status *status,
                                char *why, size_t size);
/* Frees the groups of an optimizer. */
void bl__groups_free(bl_optimizer *optimizer);

/* Whether the rule keeps anything for a parameter. */
bool bl__optimizer_has_state(const bl_optimizer *optimizer);
/* The state of a parameter, made if there is none yet. On failure NULL, and *status and `why` (of
 * `size` bytes) say what is wrong. */
bl__parameter_state *bl__optimizer_state(bl_optimizer *optimizer, bl_parameter *parameter, bl_status *status,
                                         char *why, size_t size);
/* The state that is there; NULL when none is. */
bl__parameter_state *bl__optimizer_find_state(const bl_optimizer *optimizer, const bl_parameter *parameter);
/* Gives each element of a buffer a value that its dtype holds. */
void bl__optimizer_fill(bl_parameter *buffer, double value);
/* Drops the newest states until `count` are left. */
void bl__optimizer_forget(bl_optimizer *optimizer, size_t count);

#endif
