/* Training: runs the step of each model and keeps every loss. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

bool history_make(history *made, int64_t steps)
{
    *made = (history){.steps = steps};
    size_t bytes = (steps > 0 ? (size_t)steps : 1) * sizeof(float);
    for (int i = 0; i < MODELS; i++)
        made->loss[i] = malloc(bytes);
    if (made->loss[UNTIED] && made->loss[TIED])
        return true;
    history_free(made);
    return false;
}

void history_free(history *made)
{
    for (int i = 0; i < MODELS; i++)
        free(made->loss[i]);
    *made = (history){0};
}

static bl_status train_one(model *one, int64_t steps, float *losses, progress *line, const char *name)
{
    for (int64_t step = 0; step < steps; step++) {
        bl_status status = bl_run(one->step);
        if (status != BL_OK)
            return status;
        double loss = bl_item(one->step, one->loss);
        losses[step] =
            isnan(loss) ? NAN : (float)loss; /* a NaN without a sign, to be printed alike everywhere */
        if (line && step % 256 == 0)
            progress_show(line, name, step, steps);
    }
    return BL_OK;
}

bl_status train(experiment *trained, history *out, progress *line)
{
    for (int i = 0; i < MODELS; i++) {
        double begun = seconds_now();
        bl_status status = train_one(&trained->models[i], out->steps, out->loss[i], line, model_names[i]);
        if (status != BL_OK)
            return status;
        out->seconds[i] = seconds_now() - begun;
    }
    return BL_OK;
}
