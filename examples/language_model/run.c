/* One run: trained, measured, in a folder of its own. */
#include "run.h"
#include "files.h"
#include "message.h"
#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool run_folder(char path[PATH_MOST], const char *out, tying how, uint64_t seed)
{
    char name[64];
    snprintf(name, sizeof name, "%s-seed%" PRIu64, tying_names[how], seed);
    return path_join(path, out, name);
}

/* ---- the result ---- */

static bool result_write(const char *folder, const run_result *result)
{
    char path[PATH_MOST];
    output out;
    if (!path_join(path, folder, "result.txt") || !output_open(&out, path))
        return false;
    fprintf(out.file,
            "parameters %" PRId64 "\nparameters_by_name %" PRId64 "\nsteps %" PRId64 "\nbest_step %" PRId64
            "\nbest_epoch %.17g\nvalidation_loss %.17g\ntest_loss %.17g\nseconds %.1f\n",
            result->unique, result->named, result->steps, result->best_step, result->best_epoch,
            result->validation, result->test, result->seconds);
    return output_close(&out);
}

bool run_result_read(const char *out, tying how, uint64_t seed, run_result *result)
{
    char folder[PATH_MOST], path[PATH_MOST];
    if (!run_folder(folder, out, how, seed) || !path_join(path, folder, "result.txt"))
        return false;
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    int read = fscanf(file,
                      "parameters %" SCNd64 " parameters_by_name %" SCNd64 " steps %" SCNd64
                      " best_step %" SCNd64 " best_epoch %lf validation_loss %lf test_loss %lf seconds %lf",
                      &result->unique, &result->named, &result->steps, &result->best_step,
                      &result->best_epoch, &result->validation, &result->test, &result->seconds);
    fclose(file);
    return read == 8;
}

/* ---- the run ---- */

static bool measure(const run_input *input, trainer *used, const char *folder, run_result *result)
{
    char best[PATH_MOST];
    model *m = used->m;
    bl_tokens *const *parts = input->tokens->parts;
    if (!path_join(best, folder, "best.safetensors") || !model_load(m, best))
        return false;
    *result = (run_result){.unique = bl_params_unique_elements(m->params),
                           .named = bl_params_named_elements(m->params),
                           .steps = used->at.step,
                           .best_step = used->at.best_step,
                           .best_epoch = (double)used->at.best_step / (double)used->each,
                           .seconds = used->at.seconds};
    bl_status status = evaluate(&used->judge, parts[PART_VALIDATION], &result->validation);
    if (status == BL_OK)
        status = evaluate(&used->judge, parts[PART_TEST], &result->test);
    if (status != BL_OK)
        return complain_of_library(m->context, "the test failed");
    return result_write(folder, result);
}

static trained train_and_measure(const run_input *input, model *m, const char *folder, uint64_t seed,
                                 run_result *result)
{
    bl_tokens *const *parts = input->tokens->parts;
    const char *name = strrchr(folder, '/') + 1;
    char state[PATH_MOST];
    trainer used;
    if (!path_join(state, folder, "state.safetensors") ||
        !trainer_make(&used, m, &input->common->training, parts[PART_TRAINING], parts[PART_VALIDATION], seed))
        return TRAINED_NOT;
    trained how = TRAINED;
    if (file_exists(state)) {
        how = state_load(&used, state) ? TRAINED : TRAINED_NOT;
        if (how == TRAINED && !input->quiet)
            printf("%s: goes on from step %" PRId64 " of %" PRId64 "\n", name, used.at.step, used.steps);
    }
    if (how == TRAINED)
        how = train(&used, folder, name, input->quiet);
    if (how == TRAINED && !measure(input, &used, folder, result))
        how = TRAINED_NOT;
    trainer_free(&used);
    return how;
}

static bool make_model(model *made, bl_context *context, const settings *common, tying how, uint64_t seed)
{
    model_options options = common->model;
    options.tying = how;
    if (model_make(made, context, &options, seed) == BL_OK)
        return true;
    complain_of_library(context, "the model cannot be made");
    model_free(made);
    return false;
}

trained run(const run_input *input, tying how, uint64_t seed, run_result *result)
{
    char folder[PATH_MOST];
    model m;
    if (!run_folder(folder, input->out, how, seed))
        return TRAINED_NOT;
    remove_drafts(folder);
    if (run_result_read(input->out, how, seed, result))
        return TRAINED;
    if (!make_folder(folder) || !make_model(&m, input->context, input->common, how, seed))
        return TRAINED_NOT;
    trained done = train_and_measure(input, &m, folder, seed, result);
    model_free(&m);
    return done;
}

bool run_load_model(model *made, bl_context *context, const char *out, const settings *common, tying how,
                    uint64_t seed)
{
    char folder[PATH_MOST], best[PATH_MOST];
    if (!run_folder(folder, out, how, seed) || !path_join(best, folder, "best.safetensors"))
        return false;
    if (!file_exists(best))
        return complain("%s is not there: that run has not come to the end of an epoch yet", best);
    if (!make_model(made, context, common, how, seed))
        return false;
    if (model_load(made, best))
        return true;
    model_free(made);
    return false;
}
