/* Training states as objects: what is added to them, and the names of things. */
#include "io/training_state.h"
#include "graph/text.h"

#include <stdio.h>
#include <string.h>

bl_training_load_options bl_training_load_defaults(void)
{
    return (bl_training_load_options){.report = NULL};
}

/* ---- life ---- */

bl_training_state *bl_training_state_new(bl_context *context)
{
    if (!context)
        return NULL;
    bl_training_state *state = bl__allocate(&context->allocator, 1, sizeof(*state));
    if (!state) {
        bl__report(context, NULL, BL_ERR_MEMORY, "training_state_new", NULL,
                   "no memory for a training state");
        return NULL;
    }
    state->context = bl__context_retain(context);
    bl__arena_init(&state->arena, &context->allocator);
    return state;
}

void bl_training_state_free(bl_training_state *state)
{
    if (!state)
        return;
    bl_context *context = state->context;
    bl__release(&context->allocator, state->entries, state->entry_capacity, sizeof(*state->entries));
    bl__arena_free(&state->arena);
    bl__release(&context->allocator, state, 1, sizeof(*state));
    bl__context_release(context);
}

const bl_error *bl_training_state_error(const bl_training_state *state)
{
    static const bl_error no_state = {.code = BL_ERR_ARGUMENT, .message = "the training state is NULL"};
    return state ? &state->error : &no_state;
}

void bl_training_state_clear_error(bl_training_state *state)
{
    if (state)
        state->error = (bl_error){.code = BL_OK};
}

/* ---- adding ---- */

/* What is wrong with a new thing; NULL when nothing is. */
static const char *complaint(const bl_training_state *state, const bl__training_entry *entry,
                             bl_status *status)
{
    *status = BL_ERR_ARGUMENT;
    if (!entry->name || !entry->name[0])
        return "it has no name";
    if (strchr(entry->name, '/'))
        return "its name has a '/'";
    if (!entry->object && (entry->kind <= BL__TRAINING_RNG || entry->count > 0))
        return "it is NULL";
    if (entry->kind == BL__TRAINING_TEXT && entry->count == 0)
        return "there is no room for the end of a text";
    *status = BL_ERR_EXISTS;
    for (size_t i = 0; i < state->entry_count; i++) {
        if (strcmp(state->entries[i].name, entry->name) == 0)
            return "something of that name was added already";
        if (entry->kind <= BL__TRAINING_RNG && state->entries[i].object == entry->object)
            return "it was added already under another name";
    }
    return NULL;
}

static bl_status add(bl_training_state *state, bl_context *context, const char *op, bl__training_entry entry)
{
    bl_status status;
    if (!state)
        return BL_ERR_ARGUMENT;
    const char *wrong = complaint(state, &entry, &status);
    if (!wrong && context && context != state->context) {
        status = BL_ERR_ARGUMENT;
        wrong = "it belongs to another context";
    }
    if (wrong)
        return bl__report(state->context, &state->error, status, op, NULL, "\"%.100s\": %s",
                          entry.name ? entry.name : "", wrong);
    entry.name = bl__arena_string(&state->arena, entry.name);
    if (!entry.name || (state->entry_count == state->entry_capacity &&
                        !bl__grow(&state->context->allocator, &state->entries, &state->entry_capacity,
                                  sizeof(*state->entries))))
        return bl__report(state->context, &state->error, BL_ERR_MEMORY, op, NULL,
                          "no memory for another thing");
    state->entries[state->entry_count++] = entry;
    return BL_OK;
}

bl_status bl_training_state_add_params(bl_training_state *state, const char *name, bl_params *params)
{
    return add(state, params ? params->context : NULL, "training_state_add_params",
               (bl__training_entry){.name = name, .kind = BL__TRAINING_PARAMS, .object = params});
}

bl_status bl_training_state_add_optimizer(bl_training_state *state, const char *name, bl_optimizer *optimizer)
{
    return add(state, optimizer ? optimizer->context : NULL, "training_state_add_optimizer",
               (bl__training_entry){.name = name, .kind = BL__TRAINING_OPTIMIZER, .object = optimizer});
}

bl_status bl_training_state_add_rng(bl_training_state *state, const char *name, bl_rng *rng)
{
    return add(state, NULL, "training_state_add_rng",
               (bl__training_entry){
                   .name = name, .kind = BL__TRAINING_RNG, .object = rng, .count = BL_RNG_STATE_BYTES});
}

bl_status bl_training_state_add_i64(bl_training_state *state, const char *name, int64_t *values, size_t count)
{
    return add(
        state, NULL, "training_state_add_i64",
        (bl__training_entry){.name = name, .kind = BL__TRAINING_I64, .object = values, .count = count});
}

bl_status bl_training_state_add_f64(bl_training_state *state, const char *name, double *values, size_t count)
{
    return add(
        state, NULL, "training_state_add_f64",
        (bl__training_entry){.name = name, .kind = BL__TRAINING_F64, .object = values, .count = count});
}

bl_status bl_training_state_add_bytes(bl_training_state *state, const char *name, void *bytes, size_t count)
{
    return add(
        state, NULL, "training_state_add_bytes",
        (bl__training_entry){.name = name, .kind = BL__TRAINING_BYTES, .object = bytes, .count = count});
}

bl_status bl_training_state_add_text(bl_training_state *state, const char *name, char *text, size_t size)
{
    return add(state, NULL, "training_state_add_text",
               (bl__training_entry){.name = name, .kind = BL__TRAINING_TEXT, .object = text, .count = size});
}

/* ---- what saving and loading share ---- */

void bl__training_begin(bl__training_call *call, bl_training_state *state, const char *op)
{
    *call = (bl__training_call){.state = state,
                                .caller = {.context = state->context, .own = &state->error, .op = op},
                                .has_memory = true};
    bl__arena_init(&call->arena, &state->context->allocator);
    bl__table_init(&call->tensors, &state->context->allocator);
}

void bl__training_end(bl__training_call *call)
{
    bl__table_free(&call->tensors);
    bl__arena_free(&call->arena);
}

const char *bl__training_join(bl__training_call *call, const char *a, const char *b, const char *c,
                              const char *d)
{
    const char *parts[] = {a, b, c, d};
    size_t length = 0;
    for (int i = 0; i < 4 && parts[i]; i++)
        length += strlen(parts[i]);
    char *joined = bl__arena_take(&call->arena, length + 1), *at = joined;
    call->has_memory = call->has_memory && joined;
    if (!joined)
        return NULL;
    for (int i = 0; i < 4 && parts[i]; i++) {
        size_t bytes = strlen(parts[i]);
        memcpy(at, parts[i], bytes);
        at += bytes;
    }
    *at = '\0';
    return joined;
}

const char *bl__training_kind_of(bl__training_call *call, const bl__training_entry *entry)
{
    static const char *const kinds[] = {
        [BL__TRAINING_PARAMS] = "params", [BL__TRAINING_RNG] = "rng mt19937", [BL__TRAINING_I64] = "i64",
        [BL__TRAINING_F64] = "f64",       [BL__TRAINING_BYTES] = "bytes",     [BL__TRAINING_TEXT] = "text"};
    if (entry->kind == BL__TRAINING_OPTIMIZER)
        return bl__training_join(call, "optimizer ", bl_optimizer_name(entry->object), NULL, NULL);
    return kinds[entry->kind];
}

bl_optimizer *bl__training_part(bl__training_call *call, const bl__training_entry *entry, size_t index,
                                const char **prefix)
{
    char number[32];
    *prefix = entry->name;
    if (index == 0)
        return entry->object;
    bl_optimizer *group = bl_optimizer_group_at(entry->object, index - 1, NULL);
    snprintf(number, sizeof(number), "/group.%zu", index - 1);
    *prefix = group ? bl__training_join(call, entry->name, number, NULL, NULL) : NULL;
    return group;
}
