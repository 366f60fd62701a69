/* The files of a model and of a training that has not ended: what the library saves, under this program's
 * names. */
#include "state.h"
#include "message.h"

bool model_save(const model *saved, const char *path)
{
    return bl_params_save(saved->params, path, NULL) == BL_OK ||
           complain_of_library(saved->context, "the model cannot be saved");
}

bool model_load(model *filled, const char *path)
{
    return bl_params_load(filled->params, path, NULL) == BL_OK ||
           complain_of_library(filled->context, "the model cannot be loaded");
}

/* All that training changes. Batches and the learning rate follow from the step. */
static bl_training_state *state_of(trainer *t)
{
    bl_training_state *made = bl_training_state_new(t->m->context);
    bl_training_state_add_params(made, "model", t->m->params);
    bl_training_state_add_params(made, "buffers", t->m->buffers);
    bl_training_state_add_optimizer(made, "optimizer", t->optimizer);
    bl_training_state_add_i64(made, "step", &t->at.step, 1);
    bl_training_state_add_i64(made, "best_step", &t->at.best_step, 1);
    bl_training_state_add_f64(made, "best_loss", &t->at.best_loss, 1);
    bl_training_state_add_i64(made, "bad", &t->at.bad, 1);
    bl_training_state_add_f64(made, "seconds", &t->at.seconds, 1);
    bl_training_state_add_f64(made, "loss_sum", &t->at.loss_sum, 1);
    bl_training_state_add_i64(made, "loss_count", &t->at.loss_count, 1);
    return made;
}

bool state_save(trainer *saved, const char *path)
{
    bl_training_state *state = state_of(saved);
    bl_status status = bl_training_state_save(state, path);
    bl_training_state_free(state);
    return status == BL_OK || complain_of_library(saved->m->context, "the state of training cannot be saved");
}

bool state_load(trainer *filled, const char *path)
{
    bl_training_state *state = state_of(filled);
    bl_status status = bl_training_state_load(state, path, NULL);
    bl_training_state_free(state);
    return status == BL_OK ||
           complain_of_library(filled->m->context, "the state of training cannot be loaded");
}
