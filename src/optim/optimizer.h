/* Private. What an optimizer is made of: what all share, and the rule that tells one from another. */
#ifndef BOWLINE_OPTIM_OPTIMIZER_H
#define BOWLINE_OPTIM_OPTIMIZER_H

#include "bowline/ops.h"
#include "bowline/optimizer.h"
#include "graph/table.h"

#define BL__MAX_MOMENTS 4

/* The update of one parameter, as its formula sees it. Scalars are f64, to be cast where they meet tensors.
 */
typedef struct bl__update {
    const void *options;
    bl_graph *graph;
    bl_tensor *parameter; /* before the update */
    bl_tensor *gradient;
    bl_tensor *lr;
    bl_tensor *count; /* updates of this parameter, this one included; NULL unless counted */
    bl_tensor *moments[BL__MAX_MOMENTS]; /* before the update; the formula leaves them as after it */
} bl__update;

/* What tells one optimizer from another. */
typedef struct bl__rule {
    const char *name;                         /* "adam" */
    const char *moments[BL__MAX_MOMENTS + 1]; /* buffers of a parameter's shape, up to the first NULL */
    bool counted;                             /* the formula asks how often a parameter was updated */
    bl_tensor *(*update)(bl__update *update); /* appends the formula: the parameter after the update */
} bl__rule;

/* What an optimizer keeps for one parameter, to which it holds a reference. */
typedef struct bl__parameter_state {
    bl_parameter *parameter;
    bl_parameter *moments[BL__MAX_MOMENTS];
    bl_parameter *count; /* i64, scalar; NULL unless counted */
} bl__parameter_state;

struct bl_optimizer {
    bl_context *context;
    bl__rule rule;
    void *options; /* a copy, for the formula */
    size_t options_size;
    double initial_lr;  /* that it was made with: what schedules go by */
    bl_parameter *lr;   /* f64, scalar */
    bl_parameter *step; /* i64, scalar: updates committed */
    bl__table states;   /* a parameter's id -> bl__parameter_state */
    bl_error error;
};

/* A new optimizer; the rule and the options are copied. NULL with the error reported. */
bl_optimizer *bl__optimizer_new(bl_context *context, const bl__rule *rule, double lr, const void *options,
                                size_t options_size);

/* Whether low <= value < high; reports when not. */
bool bl__option_within(bl_context *context, const char *op, const char *name, double value, double low,
                       double high);

/* The state of a parameter, made if there is none yet; NULL without memory, nothing reported. */
bl__parameter_state *bl__optimizer_state(bl_optimizer *optimizer, bl_parameter *parameter);
/* Drops the newest states until `count` are left. */
void bl__optimizer_forget(bl_optimizer *optimizer, size_t count);

/* gradient + weight_decay parameter: L2 regularisation, as a formula's first step. */
bl_tensor *bl__decayed(const bl__update *update, double weight_decay);

#endif
