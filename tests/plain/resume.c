/* A training that is saved, and gone on with in another process, ends with the bits of one that was not
 * interrupted: for every optimizer, tied and untied, with batch norm, dropout, a schedule and shuffled data.
 * The program runs itself for each part. Then: a process that is killed while it saves leaves the old state
 * or the new one. */
#define _POSIX_C_SOURCE 200809L
#include "bowline/bowline.h"
#include "support/optimizers.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STEPS = 200,
    ITEMS = 24, /* of the data set, four a step */
    BATCH = 4,
    TOKENS = 11,
    WIDTH = 6,
    KILLS = 30
};

/* What a run consists of. */
typedef struct run {
    bl_context *context;
    bl_params *params;
    bl_rng *rng;
    bl_graph *graph;
    bl_optimizer *optimizer;
    bl_training_state *state;
    bl_tensor *tokens, *targets, *loss;
    bl_program *program;
    /* values of the loop's own */
    int64_t step, cursor[2]; /* the epoch, and the place in it */
    int64_t order[ITEMS];
    double best;
    char note[32];
    unsigned char digest[8];
} run;

/* ---- the model ---- */

static void make_parameters(run *r, bool tied, bool biased, uint64_t seed)
{
    bl_embedding_params(r->params, "embedding", TOKENS, WIDTH, r->rng);
    bl_linear_params(r->params, "body", WIDTH, WIDTH, biased, r->rng);
    bl_linear_params(r->params, "head", WIDTH, TOKENS, biased, r->rng);
    if (biased)
        bl_batch_norm_params(r->params, "norm", WIDTH);
    bl_params_add_random(r->params, "random", seed);
    if (tied)
        bl_params_tie(r->params, "embedding.weight", "head.weight");
}

static bl_tensor *bias_of(const run *r, const char *name, bool biased)
{
    return biased ? bl_param(r->graph, r->params, name) : NULL;
}

static void record(run *r, bool biased)
{
    bl_graph *g = r->graph;
    bl_params *p = r->params;
    r->tokens = bl_input(g, "tokens", BL_I64, BL_SHAPE(BATCH));
    r->targets = bl_input(g, "targets", BL_I64, BL_SHAPE(BATCH));
    bl_tensor *x = bl_embedding(bl_param(g, p, "embedding.weight"), r->tokens);
    x = bl_linear(x, bl_param(g, p, "body.weight"), bias_of(r, "body.bias", biased));
    if (biased)
        x = bl_batch_norm(x, bl_params_find(p, "norm.running_mean"), bl_params_find(p, "norm.running_var"),
                          bl_param(g, p, "norm.weight"), bl_param(g, p, "norm.bias"), true);
    x = bl_dropout(bl_tanh(x), 0.2, true, bl_params_find(p, "random"));
    x = bl_linear(x, bl_param(g, p, "head.weight"), bias_of(r, "head.bias", biased));
    r->loss = bl_cross_entropy(x, r->targets);
    r->program = bl_compile(r->context, r->loss, bl_minimize(r->optimizer, r->loss));
}

/* Groups of one optimizer's: others for what matches a pattern. */
static bl_optimizer *with_groups(const run *r)
{
    bl_optimizer *main = bl_adam(r->context, NULL);
    bl_sgd_options options = bl_sgd_defaults();
    options.momentum = 0.5;
    bl_optimizer_add_group(main, r->params, "*.bias", bl_sgd(r->context, &options));
    bl_optimizer_add_group(main, r->params, "embedding.*", bl_adam(r->context, NULL));
    return main;
}

/* A seed of its own for what the file has to overwrite. */
static bool open_run(run *r, const named_optimizer *named, bool tied, uint64_t seed)
{
    bool biased = !named->for_matrices;
    *r = (run){.context = bl_context_new(NULL), .best = 1e30, .note = "fresh"};
    r->params = bl_params_new(r->context);
    r->rng = bl_rng_new(r->context, seed);
    r->graph = bl_graph_new(r->context);
    make_parameters(r, tied, biased, seed);
    r->optimizer = named->make ? named->make(r->context) : with_groups(r);
    r->state = bl_training_state_new(r->context);
    bl_training_state_add_optimizer(r->state, "optimizer", r->optimizer);
    bl_training_state_add_params(r->state, "model", r->params);
    bl_training_state_add_rng(r->state, "shuffle", r->rng);
    bl_training_state_add_i64(r->state, "step", &r->step, 1);
    bl_training_state_add_i64(r->state, "cursor", r->cursor, 2);
    bl_training_state_add_i64(r->state, "order", r->order, ITEMS);
    bl_training_state_add_f64(r->state, "best", &r->best, 1);
    bl_training_state_add_text(r->state, "note", r->note, sizeof(r->note));
    bl_training_state_add_bytes(r->state, "digest", r->digest, sizeof(r->digest));
    return bl_training_state_error(r->state)->code == BL_OK;
}

static void close_run(run *r)
{
    bl_training_state_free(r->state);
    bl_program_free(r->program);
    bl_optimizer_free(r->optimizer);
    bl_graph_free(r->graph);
    bl_rng_free(r->rng);
    bl_params_free(r->params);
    bl_context_free(r->context);
}

/* ---- the loop ---- */

/* The next items of the shuffled data; a new order for each epoch. */
static void next_batch(run *r, int64_t *tokens, int64_t *targets)
{
    for (int i = 0; i < BATCH; i++) {
        if (r->cursor[1] == 0)
            bl_rng_randperm(r->rng, r->order, ITEMS);
        int64_t item = r->order[r->cursor[1]];
        tokens[i] = item % TOKENS;
        targets[i] = (item * item + 1) % TOKENS;
        r->cursor[1] = (r->cursor[1] + 1) % ITEMS;
        r->cursor[0] += r->cursor[1] == 0;
    }
}

static bool take_step(run *r)
{
    int64_t tokens[BATCH], targets[BATCH];
    next_batch(r, tokens, targets);
    bl_set_input(r->program, r->tokens, tokens, sizeof(tokens));
    bl_set_input(r->program, r->targets, targets, sizeof(targets));
    bl_optimizer_set_lr(r->optimizer, 0.02 / (1 + 0.01 * (double)r->step)); /* the schedule */
    if (bl_run(r->program) != BL_OK)
        return false;
    double loss = bl_item(r->program, r->loss);
    r->best = loss < r->best ? loss : r->best;
    r->digest[r->step % 8] ^= (unsigned char)((uint64_t)(loss * 1e9) & 0xff);
    r->step++;
    snprintf(r->note, sizeof(r->note), "epoch %lld", (long long)r->cursor[0]);
    return true;
}

static bool fail(const run *r, const char *what)
{
    char text[512];
    bl_error_format(bl_context_error(r->context), text, sizeof(text));
    fprintf(stderr, "%s: %s\n", what, text);
    return false;
}

/* One process: from a file, if any, to another after `steps`. The program is recorded, and what the optimizer
 * keeps is made, before or after the load. */
static bool train(const named_optimizer *named, bool tied, bool early, int64_t steps, const char *from,
                  const char *to)
{
    run r;
    bool good = open_run(&r, named, tied, from ? 77 : 3);
    if (!good)
        return fail(&r, "setting up");
    if (early)
        record(&r, !named->for_matrices);
    if (from && bl_training_state_load(r.state, from, NULL) != BL_OK)
        good = fail(&r, "loading");
    if (!early)
        record(&r, !named->for_matrices);
    while (good && r.step < steps)
        good = take_step(&r) || fail(&r, "a step");
    if (good && bl_training_state_save(r.state, to) != BL_OK)
        good = fail(&r, "saving");
    close_run(&r);
    return good;
}

/* ---- processes ---- */

static const named_optimizer groups = {.name = "groups"};

/* Optimizer number `index`, and behind the last one the groups; NULL past those. */
static const named_optimizer *optimizer_at(int index)
{
    int count = 0;
    while (every_optimizer[count].name)
        count++;
    return index < count ? &every_optimizer[index] : index == count ? &groups : NULL;
}

/* Runs this program anew with arguments; whether it succeeds. */
static bool spawn(char *const *arguments)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool train_apart(const char *program, int index, const char *tied, const char *early,
                        const char *steps, const char *from, const char *to)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", index);
    const char *arguments[] = {program, number, tied, early, steps, from, to, NULL};
    union {
        const char **from;
        char *const *to;
    } list = {.from = arguments};
    return spawn(list.to);
}

static bool same_files(const char *a, const char *b)
{
    FILE *files[] = {fopen(a, "rb"), fopen(b, "rb")};
    bool same = files[0] && files[1];
    for (int c = 0; same && c != EOF;) {
        c = getc(files[0]);
        same = c == getc(files[1]);
    }
    for (int i = 0; i < 2; i++) {
        if (files[i])
            fclose(files[i]);
    }
    return same;
}

static bool check_optimizer(const char *program, int index, const char *folder)
{
    char straight[512], half[512], resumed[512];
    snprintf(straight, sizeof(straight), "%s/straight", folder);
    snprintf(half, sizeof(half), "%s/half", folder);
    snprintf(resumed, sizeof(resumed), "%s/resumed", folder);
    bool good = true;
    for (int tied = 0; tied < 2 && good; tied++) {
        const char *is_tied = tied ? "tied" : "untied";
        good = train_apart(program, index, is_tied, "early", "200", "", straight) &&
               train_apart(program, index, is_tied, "early", "100", "", half) && !same_files(straight, half);
        for (int early = 0; early < 2 && good; early++)
            good = train_apart(program, index, is_tied, early ? "early" : "late", "200", half, resumed) &&
                   same_files(straight, resumed);
        if (!good)
            fprintf(stderr, "%s (%s), %s: the resumed run differs\n", optimizer_at(index)->name,
                    optimizer_at(index)->with ? optimizer_at(index)->with : "defaults", is_tied);
    }
    remove(straight);
    remove(half);
    remove(resumed);
    return good;
}

/* ---- killed ---- */

/* Trains and saves after each step, for as long as it may. */
static int save_for_ever(const char *path)
{
    run r;
    if (!open_run(&r, optimizer_at(0), true, 3))
        return 1;
    record(&r, true);
    while (take_step(&r) && bl_training_state_save(r.state, path) == BL_OK)
        ;
    return 1;
}

static void wait_for(long microseconds)
{
    struct timespec time = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        ;
}

/* What is there is whole: it loads, and its step count is that of the optimizer. */
static bool is_whole(const char *path, int64_t *step)
{
    run r;
    bool good =
        open_run(&r, optimizer_at(0), true, 5) && bl_training_state_load(r.state, path, NULL) == BL_OK;
    if (!good)
        fail(&r, "after a kill");
    *step = r.step;
    int64_t updates = *(const int64_t *)bl_parameter_data(bl_optimizer_step(r.optimizer));
    good = good && updates == r.step && r.step > 0;
    close_run(&r);
    return good;
}

static bool check_kills(const char *program, const char *folder)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/killed", folder);
    bool good = train(optimizer_at(0), true, true, 1, NULL, path);
    int64_t step = 0, most = 0;
    for (int i = 0; good && (i < KILLS || (most < 3 && i < 10 * KILLS)); i++) { /* longer on a slow machine */
        pid_t child = fork();
        if (child == 0) {
            execl(program, program, "save", path, (char *)NULL);
            _exit(127);
        }
        wait_for(2000 + 2997L * (i % KILLS) * (i / KILLS + 1));
        good = child > 0 && kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child &&
               is_whole(path, &step);
        most = step > most ? step : most;
    }
    if (good && most < 3) {
        fprintf(stderr, "no process got as far as saving\n");
        good = false;
    }
    return good;
}

/* With whatever killed processes left there. */
static void remove_folder(const char *folder)
{
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        char path[600];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            remove(path);
    }
    if (opened)
        closedir(opened);
    rmdir(folder);
}

int main(int count, char **arguments)
{
    char folder[256];
    const char *base = getenv("TMPDIR");
    if (count == 3 && strcmp(arguments[1], "save") == 0)
        return save_for_ever(arguments[2]);
    if (count == 7)
        return !train(optimizer_at(atoi(arguments[1])), strcmp(arguments[2], "tied") == 0,
                      strcmp(arguments[3], "early") == 0, atoi(arguments[4]),
                      arguments[5][0] ? arguments[5] : NULL, arguments[6]);
    const char *forgotten = forgotten_optimizer(BOWLINE_OPTIMIZERS);
    if (forgotten) {
        fprintf(stderr, "tests/support/optimizers.c has no line for %s\n", forgotten);
        return 1;
    }
    snprintf(folder, sizeof(folder), "%s/bowline-resume-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    bool good = true;
    for (int i = 0; optimizer_at(i); i++)
        good = check_optimizer(arguments[0], i, folder) && good;
    good = check_kills(arguments[0], folder) && good;
    remove_folder(folder);
    return !good;
}
