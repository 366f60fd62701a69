/* Training one model. */
#include "train.h"
#include "files.h"
#include "interrupt.h"
#include "message.h"
#include "metrics.h"
#include "progress.h"
#include "state.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

training_options training_small_lstm(void)
{
    return (training_options){.optimizer = OPTIMIZER_SGD,
                              .lr = 1,
                              .clip = 5,
                              .batch = 20,
                              .length = 35,
                              .epochs = 13,
                              .accumulate = 1,
                              .sum_over_length = true,
                              .decay_after = 4,
                              .decay = 2,
                              .save_every = 200};
}

training_options training_medium_lstm(void)
{
    training_options options = training_small_lstm();
    options.epochs = 39;
    options.decay_after = 6;
    options.decay = 1.2;
    return options;
}

training_options training_adamw(void)
{
    return (training_options){.optimizer = OPTIMIZER_ADAMW,
                              .lr = 1e-3,
                              .clip = 1,
                              .batch = 8,
                              .epochs = 10,
                              .accumulate = 1,
                              .decay = 1,
                              .warm_up = 50,
                              .weight_decay = 0.1,
                              .save_every = 200};
}

/* ---- recording ---- */

static bl_optimizer *adamw_of(bl_context *context, const training_options *options, double weight_decay)
{
    bl_adam_options adamw = bl_adamw_defaults();
    adamw.lr = options->lr;
    adamw.beta2 = 0.95;
    adamw.weight_decay = weight_decay;
    return bl_adamw(context, &adamw);
}

static bl_optimizer *make_optimizer(const model *m, const training_options *options)
{
    static const char *const vectors[] = {"*bias*", "*norm*.weight"};
    if (options->optimizer == OPTIMIZER_SGD) {
        bl_sgd_options sgd = bl_sgd_defaults();
        sgd.lr = options->lr;
        return bl_sgd(m->context, &sgd);
    }
    bl_optimizer *made = adamw_of(m->context, options, options->weight_decay);
    bool gpt = m->options.body == BODY_GPT; /* an LSTM has no norms */
    for (size_t i = 0; i < (gpt ? 2 : 1) && made; i++) {
        bl_optimizer *group = adamw_of(m->context, options, 0);
        if (!group || bl_optimizer_add_group(made, m->params, vectors[i], group) != BL_OK) {
            bl_optimizer_free(made);
            return NULL;
        }
    }
    return made;
}

/* The objective of one batch. */
static bl_tensor *objective_of(trainer *made, bl_tensor *loss)
{
    bl_tensor *objective = loss, *penalty = model_penalty(made->graph, made->m);
    if (made->options.sum_over_length)
        objective = bl_mul_scalar(objective, (double)made->options.length);
    return penalty ? bl_add(objective, penalty) : objective;
}

/* Clips gradients and appends the update by them. `rest` are outputs that go with it, as many as there are
 * before the NULL. */
static bl_status record_update(trainer *made, bl_gradients gradients, bl_tensor *const *rest)
{
    bl_tensor *outputs[4];
    size_t count = 2;
    double most = made->options.clip > 0 ? made->options.clip : INFINITY;
    outputs[0] = made->norm = bl_clip_norm(gradients.tensors, gradients.count, most, 2, gradients.tensors);
    outputs[1] =
        bl_optimizer_update(made->optimizer, gradients.parameters, gradients.tensors, gradients.count);
    while (*rest)
        outputs[count++] = *rest++;
    made->update = bl_compile_list(made->m->context, outputs, count, NULL);
    return bl_program_error(made->update)->code;
}

/* One program for a batch and its update; or one that adds a batch's gradients to those before it, and one
 * that updates by their mean. */
static bl_status record(trainer *made)
{
    const training_options *options = &made->options;
    bl_context *context = made->m->context;
    bl_shape shape = BL_SHAPE(options->batch, options->length);
    made->tokens = bl_input(made->graph, "tokens", BL_I64, shape);
    made->targets = bl_input(made->graph, "targets", BL_I64, shape);
    bool lstm = made->m->options.body == BODY_LSTM;
    application applied = {.tokens = made->tokens, .state = lstm ? &made->state : NULL, .training = true};
    bl_tensor *rows = model_forward(made->graph, made->m, &applied);
    made->loss = bl_label(model_loss(made->graph, made->m, rows, made->targets, BL_REDUCE_MEAN), "loss");
    bl_tensor *carried_on = lstm ? bl_group(made->graph, applied.effects, applied.effect_count) : NULL;
    bl_gradients gradients = bl_trainable_gradients(objective_of(made, made->loss));
    if (options->accumulate == 1)
        return record_update(made, gradients, (bl_tensor *[]){made->loss, carried_on, NULL});

    made->sums = bl_accumulator_new(context);
    if (!made->sums)
        return BL_ERR_MEMORY;
    bl_tensor *gathered =
        bl_accumulator_add(made->sums, gradients.parameters, gradients.tensors, gradients.count);
    bl_tensor *outputs[] = {made->loss, gathered, carried_on};
    made->gather = bl_compile_list(context, outputs, lstm ? 3 : 2, NULL);
    if (bl_program_error(made->gather)->code != BL_OK)
        return bl_program_error(made->gather)->code;
    gradients = bl_accumulator_mean(made->sums, made->graph);
    return record_update(made, gradients,
                         (bl_tensor *[]){bl_accumulator_clear(made->sums, made->graph), NULL});
}

static bool make_parts(trainer *made, bl_context *context)
{
    const training_options *options = &made->options;
    made->graph = bl_graph_new(context);
    made->optimizer = make_optimizer(made->m, options);
    made->room = malloc(2 * (size_t)(options->batch * options->length) * sizeof *made->room);
    if (!made->room)
        return complain_of_memory();
    bl_status status = made->graph && made->optimizer ? BL_OK : bl_context_error(context)->code;
    if (status == BL_OK && made->m->options.body == BODY_LSTM)
        status = carried_make(&made->state, made->m->buffers, &made->m->options, options->batch, false);
    if (status == BL_OK)
        status = record(made);
    if (status == BL_OK)
        status = evaluator_make(&made->judge, made->m, options->batch, options->length);
    return status == BL_OK || complain_of_library(context, "training cannot begin");
}

/* An LSTM goes through the text in as many streams as a batch has rows, so that its state can be carried; a
 * GPT gets windows that do not overlap, in another order each epoch. */
static bool plan(trainer *made)
{
    const training_options *options = &made->options;
    made->sequences = (bl_sequences){.batch = options->batch, .length = options->length};
    made->sequences.order = made->m->options.body == BODY_LSTM ? BL_ORDER_STREAMS : BL_ORDER_SHUFFLED;
    int64_t batches = bl_sequences_count(made->training, &made->sequences) / options->batch;
    made->each = batches / options->accumulate;
    made->steps = made->each * options->epochs;
    if (batches < 1)
        return complain("the training part has %" PRId64 " tokens, fewer than one batch of %" PRId64
                        " x %" PRId64 " needs: take a longer text, or a smaller --batch or --length",
                        bl_tokens_count(made->training), options->batch, options->length);
    return made->each > 0 ||
           complain("an epoch has %" PRId64 " batches, fewer than the %" PRId64 " of --accumulate", batches,
                    options->accumulate);
}

bool trainer_make(trainer *made, model *m, const training_options *options, const bl_tokens *training,
                  const bl_tokens *validation, uint64_t seed)
{
    *made = (trainer){.m = m,
                      .options = *options,
                      .training = training,
                      .validation = validation,
                      .seed = seed,
                      .stop = INT64_MAX};
    if (plan(made) && make_parts(made, m->context))
        return true;
    trainer_free(made);
    return false;
}

void trainer_free(trainer *freed)
{
    bl_program_free(freed->gather);
    bl_program_free(freed->update);
    bl_graph_free(freed->graph);
    bl_optimizer_free(freed->optimizer);
    bl_accumulator_free(freed->sums);
    evaluator_free(&freed->judge);
    free(freed->room);
    *freed = (trainer){.m = NULL};
}

/* ---- the learning rate ---- */

/* The part of the full rate. */
static double factor_of(const trainer *asked, int64_t step)
{
    const training_options *options = &asked->options;
    if (options->optimizer == OPTIMIZER_SGD) {
        /* Counted from 1, epoch e has 1 / decay^max(e - decay_after, 0). */
        int64_t late = step / asked->each + 1 - options->decay_after;
        return bl_schedule_factor(bl_schedule_exponential(1 / options->decay), late > 0 ? late : 0);
    }
    int64_t warm = options->warm_up < asked->steps ? options->warm_up : asked->steps - 1;
    bl_schedule cosine = bl_schedule_cosine(asked->steps - warm, 0.1);
    if (warm == 0)
        return bl_schedule_factor(cosine, step);
    const bl_schedule parts[] = {bl_schedule_linear(1 / (double)(warm + 1), 1, warm), cosine};
    return bl_schedule_factor(bl_schedule_sequence(parts, (const int64_t[]){warm}, 2), step);
}

double trainer_lr(const trainer *asked, int64_t step)
{
    return asked->options.lr * factor_of(asked, step);
}

/* ---- the loop ---- */

static bl_status run_batch(trainer *used, bl_program *program, int64_t epoch, int64_t index, double *loss)
{
    size_t half = (size_t)(used->options.batch * used->options.length), bytes = half * sizeof *used->room;
    bl_cursor cursor = {used->seed, epoch, index * used->options.batch};
    bl_status status =
        bl_tokens_next(used->training, &used->sequences, &cursor, used->room, used->room + half);
    if (status == BL_OK)
        status = bl_set_input(program, used->tokens, used->room, bytes);
    if (status == BL_OK)
        status = bl_set_input(program, used->targets, used->room + half, bytes);
    if (status == BL_OK)
        status = bl_run(program);
    if (status == BL_OK)
        *loss += bl_item(program, used->loss) / (double)used->options.accumulate;
    return status;
}

/* One update. An epoch begins with an LSTM's state of zeros. */
static bl_status update(trainer *used, double *loss)
{
    int64_t step = used->at.step, epoch = step / used->each,
            first = step % used->each * used->options.accumulate;
    bl_status status = bl_optimizer_scale_lr(used->optimizer, factor_of(used, step));
    *loss = 0;
    if (status == BL_OK && first == 0)
        status = carried_reset(&used->state);
    for (int64_t i = 0; i < used->options.accumulate && status == BL_OK; i++)
        status = run_batch(used, used->gather ? used->gather : used->update, epoch, first + i, loss);
    if (status == BL_OK && used->gather)
        status = bl_run(used->update);
    used->at.step += status == BL_OK;
    return status;
}

/* What the loop has at hand. */
typedef struct loop {
    trainer *used;
    const char *folder, *name;
    FILE *metrics;
    progress line;
    bool quiet;
    double begun; /* when this process began, less the seconds before */
    char state[PATH_MOST], best[PATH_MOST];
} loop;

/* The mean loss since the last line, which begins anew. */
static double take_mean_loss(position *at)
{
    double mean = at->loss_count > 0 ? at->loss_sum / (double)at->loss_count : NAN;
    at->loss_sum = 0;
    at->loss_count = 0;
    return mean;
}

static bool note(loop *on, double validation)
{
    trainer *used = on->used;
    used->at.seconds = seconds_now() - on->begun;
    int64_t each = used->options.batch * used->options.length * used->options.accumulate;
    metrics_line line = {.step = used->at.step,
                         .epoch = (double)used->at.step / (double)used->each,
                         .tokens = used->at.step * each,
                         .lr = trainer_lr(used, used->at.step - 1),
                         .loss = take_mean_loss(&used->at),
                         .norm = bl_item(used->update, used->norm),
                         .validation = validation,
                         .seconds = used->at.seconds};
    if (isnan(validation) || on->quiet)
        return metrics_add(on->metrics, &line);
    progress_clear(&on->line);
    printf("%s: epoch %" PRId64 " of %" PRId64 ", loss %.4f, validation %.4f (perplexity %.2f)%s\n", on->name,
           used->at.step / used->each, used->options.epochs, line.loss, validation, exp(validation),
           used->at.best_step == used->at.step ? ", the best so far" : "");
    fflush(stdout);
    return metrics_add(on->metrics, &line);
}

static bool save(loop *on)
{
    on->used->at.seconds = seconds_now() - on->begun;
    return state_save(on->used, on->state);
}

/* The end of an epoch: validation, and the model where it is the best. */
static bool judge(loop *on)
{
    trainer *used = on->used;
    double loss = 0;
    if (evaluate(&used->judge, used->validation, &loss) != BL_OK)
        return complain_of_library(used->m->context, "the validation failed");
    bool best = used->at.best_step == 0 || loss < used->at.best_loss;
    if (best) {
        used->at.best_loss = loss;
        used->at.best_step = used->at.step;
        used->at.bad = 0;
        if (!model_save(used->m, on->best))
            return false;
    } else {
        used->at.bad++;
    }
    return note(on, loss) && save(on);
}

static bool step(loop *on)
{
    trainer *used = on->used;
    double loss = 0;
    if (update(used, &loss) != BL_OK)
        return complain_of_library(used->m->context, "an update failed");
    if (!isfinite(loss))
        return complain("%s: the loss of update %" PRId64 " is no number: a smaller --lr may help", on->name,
                        used->at.step);
    used->at.loss_sum += loss;
    used->at.loss_count++;
    int64_t each = used->options.batch * used->options.length * used->options.accumulate;
    int64_t here = used->at.step - on->line.begun_at;
    double seconds = seconds_now() - on->line.begun;
    progress_show(&on->line, &(progress_news){.name = on->name,
                                              .step = used->at.step,
                                              .steps = used->steps,
                                              .tokens_a_second = (double)(here * each) / seconds,
                                              .loss = used->at.loss_sum / (double)used->at.loss_count,
                                              .lr = trainer_lr(used, used->at.step - 1)});
    if (used->at.step % used->each == 0)
        return judge(on);
    int64_t lines = used->each < 20 ? 1 : used->each / 20; /* updates between lines */
    if (used->at.step % used->each % lines == 0 && !note(on, NAN))
        return false;
    return used->at.step % used->options.save_every != 0 || save(on);
}

static bool ended(const trainer *used)
{
    bool impatient = used->options.patience > 0 && used->at.bad >= used->options.patience;
    return used->at.step >= used->steps || impatient;
}

static trained loop_on(loop *on)
{
    while (!ended(on->used)) {
        if (interrupted())
            return save(on) ? TRAINED_INTERRUPTED : TRAINED_NOT;
        if (on->used->at.step >= on->used->stop || !step(on))
            return TRAINED_NOT;
    }
    return TRAINED;
}

trained train(trainer *used, const char *folder, const char *name, bool quiet)
{
    loop on = {.used = used, .folder = folder, .name = name, .quiet = quiet};
    if (!path_join(on.state, folder, "state.safetensors") || !path_join(on.best, folder, "best.safetensors"))
        return TRAINED_NOT;
    on.metrics = metrics_open(folder, used->at.step);
    if (!on.metrics)
        return TRAINED_NOT;
    on.line = progress_begin(!quiet, used->at.step);
    on.begun = seconds_now() - used->at.seconds;
    trained how = loop_on(&on);
    progress_clear(&on.line);
    if (fclose(on.metrics) != 0 && how == TRAINED) {
        complain("cannot write metrics.csv");
        how = TRAINED_NOT;
    }
    return how;
}
