/* Training runs of one small model, as make_reference.py describes it, against PyTorch's. */
#ifndef BOWLINE_TESTS_OPTIM_TRAJECTORY_H
#define BOWLINE_TESTS_OPTIM_TRAJECTORY_H

#include <bowline/bowline.h>

/* What is done to a run on its way, at the beginning of a step; 0: never. */
typedef struct training {
    int late;    /* until this step the decoder's weight is frozen */
    int drop;    /* at this step the learning rate is divided by 4 */
    bool negate; /* what is trained is minus the loss */
} training;

/* Trains with the optimizer, untied and (unless the plan is late) tied, and compares every 25th loss and the
 * last parameters with the run of that name. Relative to the largest of the values compared. */
typedef bl_optimizer *make_optimizer(bl_context *context, const bl_params *params);
void follow(const char *name, make_optimizer *make, bl_dtype dtype, training plan, double tolerance);

#endif
