/* Checkpoints of the experiment. A registry of its own gathers everything under the names of the file; a
 * parameter of two names gets both there too, so the tie goes into the file and comes out of it without being
 * mentioned. */
#include "checkpoint.h"

/* Registers the parameters of a model and its optimizer's buffers; errors are kept by the registry. */
static void gather_model(bl_params *state, const model *one)
{
    bl_parameter *parameter = NULL;
    const char *name = NULL;
    for (size_t i = 0; (parameter = bl_params_at(one->params, i)); i++)
        bl_params_register(state, bl_parameter_name(parameter), parameter);
    for (size_t i = 0; (name = bl_params_name_at(one->params, i, &parameter)); i++) {
        if (!bl_params_find(state, name)) /* not the canonical name, under which it is stored */
            bl_params_register(state, name, parameter);
    }
    for (size_t i = 0; i < bl_optimizer_state_count(one->adam); i++) {
        bl_parameter *buffer = bl_optimizer_state_at(one->adam, i).buffer;
        bl_params_register(state, bl_parameter_name(buffer), buffer);
    }
    bl_params_register(state, "adam.lr", bl_optimizer_lr(one->adam));
    bl_params_register(state, "adam.step", bl_optimizer_step(one->adam));
}

/* Everything under the names of the file; NULL with bl_context_error telling why. */
static bl_params *gather(const experiment *made)
{
    bl_params *state = bl_params_new(made->context);
    for (int i = 0; i < MODELS && state; i++) {
        bl_params_scope_push(state, model_names[i]);
        gather_model(state, &made->models[i]);
        bl_params_scope_pop(state);
    }
    if (!state || bl_params_error(state)->code == BL_OK)
        return state;
    bl_params_free(state);
    return NULL;
}

bl_status experiment_save(const experiment *made, const char *path)
{
    bl_params *state = gather(made);
    if (!state)
        return bl_context_error(made->context)->code;
    bl_status status = bl_params_save(state, path, NULL);
    bl_params_free(state);
    return status;
}

bl_status experiment_load(experiment *made, const char *path, int64_t *steps)
{
    bl_params *state = gather(made);
    if (!state)
        return bl_context_error(made->context)->code;
    bl_status status = bl_params_load(state, path, NULL);
    bl_params_free(state);
    if (status != BL_OK)
        return status;
    return bl_parameter_read(bl_optimizer_step(made->models[TIED].adam), steps, sizeof *steps);
}
