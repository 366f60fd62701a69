/* Runs one case of the benchmarks as scripts/bench asks for it (protocol.h), and besides
 *
 *     info      what the program is and what its floor counts
 *     hash N    makes the model and takes two steps, N times; answers the hash of parameters and outputs, or
 *               false when they were not the same each time
 *     profile N takes N steps; answers the table of their times (bl_profile_format) on many lines, for
 * people: printf 'make\nprofile 20\n' | bowline_bench gpt --threads 2
 *
 * usage: bowline_bench CASE [--threads N] [--budget BYTES], or bowline_bench --list */
#include "../protocol.h"

#include "suite.h"

#include <limits.h>

static const bench_case *const cases[] = {&case_weight_tying, &case_rerecord, &case_tiny_mlp,  &case_chain,
                                          &case_elementwise,  &case_mlp,      &case_gpt,       &case_lstm,
                                          &case_tied_head,    &case_conv,     &case_chain_long};

enum {
    CASES = sizeof cases / sizeof cases[0],
    HASHED_STEPS = 2 /* the first step of Adam has the same size whatever the gradient's is */
};

bl_context *new_context(int threads)
{
    bl_context_options options = bl_context_defaults();
    options.threads = threads;
    return bl_context_new(&options);
}

/* ---- models ---- */

static void make(model *m)
{
    m->context = new_context(m->threads);
    m->params = bl_params_new(m->context);
    m->rng = bl_rng_new(m->context, 0);
    m->graph = bl_graph_new(m->context);
    m->which->make(m);
}

static void drop(model *m)
{
    bl_program_free(m->program);
    bl_graph_free(m->graph);
    bl_optimizer_free(m->optimizer);
    bl_rng_free(m->rng);
    bl_params_free(m->params);
    bl_context_free(m->context);
    for (size_t i = 0; i < m->input_count; i++)
        free(m->inputs[i]);
    *m = (model){.which = m->which, .threads = m->threads, .budget = m->budget};
}

static void remake(model *m)
{
    drop(m);
    make(m);
}

static void *bind(model *m, const bl_tensor *input)
{
    size_t bytes = (size_t)bl_tensor_count(input) * bl_dtype_size(bl_tensor_dtype(input));
    void *data = calloc(1, bytes);
    if (!data)
        abort();
    m->inputs[m->input_count++] = data;
    bl_bind_input(m->program, input, data, bytes);
    return data;
}

void bind_normal(model *m, const bl_tensor *input)
{
    bl_rng_normal_f32(m->rng, 0, 1, bind(m, input), (size_t)bl_tensor_count(input));
}

void bind_uniform(model *m, const bl_tensor *input, double low, double high)
{
    bl_rng_uniform_f32(m->rng, low, high, bind(m, input), (size_t)bl_tensor_count(input));
}

void bind_integers(model *m, const bl_tensor *input, int64_t high)
{
    bl_rng_randint(m->rng, 0, high, bind(m, input), (size_t)bl_tensor_count(input));
}

void compile_step(model *m)
{
    bl_compile_options options = bl_compile_defaults();
    bl_tensor *outputs[] = {m->loss, bl_minimize(m->optimizer, m->loss)};
    options.memory_budget = m->budget;
    m->program = bl_compile_list(m->context, outputs, 2, &options);
}

void compile_gradients(model *m)
{
    bl_tensor *wrt[MOST_OUTPUTS], *compiled[MOST_OUTPUTS + 1] = {m->loss};
    m->output_count = bl_params_count(m->params);
    for (size_t i = 0; i < m->output_count; i++)
        wrt[i] = bl_use(m->graph, bl_params_at(m->params, i));
    bl_grad(&m->loss, 1, NULL, wrt, m->output_count, m->outputs);
    for (size_t i = 0; i < m->output_count; i++)
        compiled[i + 1] = m->outputs[i];
    m->program = bl_compile_list(m->context, compiled, m->output_count + 1, NULL);
}

static bool step(model *m)
{
    bl_status status = m->which->step ? m->which->step(m) : bl_run(m->program);
    if (status == BL_OK)
        return true;
    char text[512] = "no memory for a context";
    if (m->context)
        bl_error_format(bl_context_error(m->context), text, sizeof text);
    fprintf(stderr, "bowline_bench: %s\n", text);
    return false;
}

static bool steps(model *m, long count)
{
    bool good = true;
    for (long i = 0; i < count && good; i++)
        good = step(m);
    return good;
}

/* ---- answers ---- */

static bool answer_run(model *m, long count)
{
    if (m->which->anew) {
        remake(m);
        if (!steps(m, WARM_STEPS))
            return false;
    }
    double begun = bench_seconds_now();
    bool good = steps(m, count);
    answer_number(bench_seconds_now() - begun);
    return good;
}

static void answer_info(const model *m)
{
    const bench_case *c = m->which;
    double elements = (double)bl_params_unique_elements(m->params);
    printf(
        "{\"instructions\": %zu, \"workspace\": %zu, \"bound\": %zu, \"parameters\": %.0f, \"bytes\": %.0f, "
        "\"math\": %.0f, \"tokens\": %ld, \"products\": [",
        bl_program_instruction_count(m->program), bl_program_workspace_bytes(m->program),
        bl_program_workspace_bound(m->program), elements, elements * c->parameter_bytes + c->other_bytes,
        c->math, c->tokens);
    for (int i = 0; i < MOST_PRODUCTS && c->products[i].count; i++) {
        const product *p = &c->products[i];
        printf("%s[%ld, %ld, %ld, %ld, %ld]", i ? ", " : "", p->m, p->n, p->k, p->batch, p->count);
    }
    answer_text("]}");
}

/* FNV-1a. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t hash_tensor(const model *m, uint64_t hash, const bl_tensor *output)
{
    const void *data = bl_output_data(m->program, output);
    size_t bytes = (size_t)bl_tensor_count(output) * bl_dtype_size(bl_tensor_dtype(output));
    return data ? hash_bytes(hash, data, bytes) : 0;
}

static uint64_t hash_model(const model *m)
{
    uint64_t hash = hash_tensor(m, UINT64_C(14695981039346656037), m->loss);
    for (size_t i = 0; i < m->output_count; i++)
        hash = hash_tensor(m, hash, m->outputs[i]);
    for (size_t i = 0; i < bl_params_count(m->params); i++) {
        const bl_parameter *p = bl_params_at(m->params, i);
        size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(p)) * bl_dtype_size(bl_parameter_dtype(p));
        hash = hash_bytes(hash, bl_parameter_data(p), bytes);
    }
    return hash;
}

static bool answer_hash(model *m, long count)
{
    uint64_t first = 0;
    bool same = true;
    for (long i = 0; i < count; i++) {
        if (m->optimizer) /* else a step changes nothing */
            remake(m);
        if (!steps(m, HASHED_STEPS))
            return false;
        uint64_t hash = hash_model(m);
        first = i == 0 ? hash : first;
        same = same && hash == first && hash != 0;
    }
    if (same)
        printf("\"%016llx\"\n", (unsigned long long)first);
    else
        puts("false");
    fflush(stdout);
    return true;
}

static bool answer_profile(model *m, long count)
{
    if (!steps(m, WARM_STEPS) || bl_profile_start(m->program) != BL_OK || !steps(m, count))
        return false;
    size_t size = bl_profile_format(m->program, NULL, 0) + 1;
    char *text = malloc(size);
    if (!text)
        abort();
    bl_profile_format(m->program, text, size);
    answer_text(text);
    free(text);
    return bl_profile_stop(m->program) == BL_OK;
}

static bool serve(model *m)
{
    command c;
    bool good = true;
    answer_text("true");
    while (good && next_command(&c)) {
        if (strcmp(c.name, "make") == 0) {
            make(m);
            answer_text("true");
        } else if (strcmp(c.name, "run") == 0) {
            good = answer_run(m, c.number);
        } else if (strcmp(c.name, "loss") == 0) {
            answer_number(bl_item(m->program, m->loss));
        } else if (strcmp(c.name, "info") == 0) {
            answer_info(m);
        } else if (strcmp(c.name, "hash") == 0) {
            good = answer_hash(m, c.number);
        } else if (strcmp(c.name, "profile") == 0) {
            good = answer_profile(m, c.number);
        }
    }
    return good;
}

static int usage(void)
{
    fprintf(stderr, "usage: bowline_bench CASE [--threads N] [--budget BYTES], or bowline_bench --list\n");
    return 2;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (int i = 0; i < CASES; i++)
            puts(cases[i]->name);
        return 0;
    }
    model m = {.threads = 1, .budget = BL_MEMORY_UNLIMITED};
    bool known = count > 1 && count % 2 == 0;
    for (int i = 0; i < CASES && count > 1; i++)
        m.which = strcmp(cases[i]->name, arguments[1]) == 0 ? cases[i] : m.which;
    for (int i = 2; i + 1 < count && known; i += 2) {
        bool threads = strcmp(arguments[i], "--threads") == 0;
        long number = positive(arguments[i + 1], threads ? 1024 : LONG_MAX);
        known = number > 0 && (threads || strcmp(arguments[i], "--budget") == 0);
        if (threads)
            m.threads = (int)number;
        else
            m.budget = (size_t)number;
    }
    if (!m.which || !known)
        return usage();
    bool good = serve(&m);
    drop(&m);
    return good ? 0 : 1;
}
