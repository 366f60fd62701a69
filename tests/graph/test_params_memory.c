/* Out of memory in the registry: every allocation of every call fails once, and nothing changes or leaks.
 * Looks at src/graph/parameter.h for what must not change. */
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An allocator that counts what lives and fails once, at the allocation numbered `fail_at`. */
typedef struct heap {
    size_t live;
    size_t count;
    size_t fail_at;
} heap;

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    heap *h = user;
    if (++h->count == h->fail_at)
        return NULL;
    void *block = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    h->live += block ? bytes : 0;
    return block;
}

static void release(void *user, void *block, size_t bytes)
{
    heap *h = user;
    h->live -= bytes;
    free(block);
}

/* What a call works on: a registry with a tied pair, in a context that takes memory from the heap. */
typedef struct scene {
    heap heap;
    bl_context *context;
    bl_params *params;
    bl_rng *rng;
    bl_parameter *a;
} scene;

static void open_scene(scene *s)
{
    *s = (scene){.a = NULL};
    bl_context_options options = {.allocator = {allocate, release, &s->heap}, .threads = 1};
    s->context = bl_context_new(&options);
    s->params = bl_params_new(s->context);
    s->rng = bl_rng_new(s->context, 1);
    s->a = bl_params_add(s->params, "a", BL_F32, BL_SHAPE(2), bl_init_constant(1), NULL);
    bl_params_add(s->params, "c", BL_F32, BL_SHAPE(2), bl_init_constant(3), NULL);
    cr_assert_eq(bl_params_register(s->params, "b", s->a), BL_OK);
}

static void close_scene(scene *s)
{
    bl_rng_free(s->rng);
    bl_params_free(s->params);
    bl_context_free(s->context);
    cr_assert_eq(s->heap.live, 0, "%zu bytes leaked", s->heap.live);
}

/* All that can be seen of a registry, as text. */
static void describe(const scene *s, char *text, size_t size)
{
    bl_parameter *p;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < bl_params_name_count(s->params) && used < size; i++) {
        const char *name = bl_params_name_at(s->params, i, &p);
        used += (size_t)snprintf(
            text + used, size - used, "%s -> %s %llu %zu references generation %u value %g\n", name,
            bl_parameter_name(p), (unsigned long long)bl_parameter_id(p), (size_t)atomic_load(&p->references),
            atomic_load(&p->generation), (double)*(const float *)bl_parameter_data(p));
    }
    for (size_t i = 0; i < bl_params_count(s->params) && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s\n", bl_parameter_name(bl_params_at(s->params, i)));
}

#define LONG "a.name.that.is.long.enough.for.the.scratch.to.grow.several.times.over.and.over"

static bl_status add(scene *s)
{
    bl_parameter *p = bl_params_add(s->params, LONG, BL_F32, BL_SHAPE(3), bl_init_uniform(0, 1), s->rng);
    return p ? BL_OK : bl_params_error(s->params)->code;
}

static bl_status add_buffer(scene *s)
{
    return bl_params_add_buffer(s->params, LONG, BL_F32, BL_SHAPE(3)) ? BL_OK
                                                                      : bl_params_error(s->params)->code;
}

static bl_status name_again(scene *s)
{
    return bl_params_register(s->params, LONG, s->a);
}

static bl_status tie(scene *s)
{
    return bl_params_tie(s->params, "a", "c");
}

static bl_status untie_canonical(scene *s)
{
    return bl_params_untie(s->params, "a");
}

static bl_status untie_alias(scene *s)
{
    return bl_params_untie(s->params, "b");
}

static bl_status push(scene *s)
{
    return bl_params_scope_push(s->params, LONG);
}

static bl_status linear(scene *s)
{
    return bl_linear_params(s->params, "head", 3, 10, true, s->rng);
}

static bl_status embedding(scene *s)
{
    return bl_embedding_params(s->params, "embedding", 10, 3, s->rng);
}

static bl_status batch_norm(scene *s)
{
    return bl_batch_norm_params(s->params, "norm", 3);
}

Test(params_memory, every_call)
{
    static const struct {
        const char *name;
        bl_status (*call)(scene *s);
        size_t least; /* allocations that a success takes */
    } calls[] = {{"add", add, 7},
                 {"add_buffer", add_buffer, 7},
                 {"register", name_again, 2},
                 {"tie", tie, 1},
                 {"untie a canonical name", untie_canonical, 4},
                 {"untie an alias", untie_alias, 3},
                 {"scope_push", push, 2},
                 {"linear_params", linear, 12},
                 {"embedding_params", embedding, 6},
                 {"batch_norm_params", batch_norm, 20}};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        size_t failures = 0;
        for (bl_status status = BL_ERR_MEMORY; status != BL_OK; failures++) {
            scene s;
            char before[2048], after[2048];
            open_scene(&s);
            describe(&s, before, sizeof(before));
            s.heap.fail_at = s.heap.count + failures + 1;
            status = calls[i].call(&s);
            s.heap.fail_at = 0;
            if (status != BL_OK) {
                cr_assert_eq(status, BL_ERR_MEMORY, "%s", calls[i].name);
                describe(&s, after, sizeof(after));
                cr_assert_str_eq(after, before, "%s, allocation %zu", calls[i].name, failures + 1);
                cr_assert_eq(bl_params_error(s.params)->code, BL_ERR_MEMORY);
                /* the generator has not moved: the call succeeds now as it would have at once */
                scene fresh;
                open_scene(&fresh);
                cr_assert_eq(calls[i].call(&fresh), BL_OK);
                cr_assert_eq(calls[i].call(&s), BL_OK, "%s, allocation %zu", calls[i].name, failures + 1);
                cr_assert_eq(bl_rng_next(s.rng), bl_rng_next(fresh.rng), "%s", calls[i].name);
                cr_assert_eq(bl_params_name_count(s.params), bl_params_name_count(fresh.params));
                close_scene(&fresh);
            }
            close_scene(&s);
        }
        cr_assert_geq(failures - 1, calls[i].least, "%s took %zu allocations", calls[i].name, failures - 1);
    }
}

/* Names enough for the hash table to grow: each is refused at every allocation before it is accepted. */
Test(params_memory, a_growing_registry)
{
    scene s;
    char name[32];
    open_scene(&s);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "layer.%d", i);
        bl_parameter *p = NULL;
        for (size_t k = 1; !p; k++) {
            s.heap.fail_at = s.heap.count + k;
            p = bl_params_add(s.params, name, BL_F32, BL_SHAPE(1), bl_init_zeros(), NULL);
            s.heap.fail_at = 0;
            cr_assert_eq(bl_params_count(s.params), (size_t)i + (p ? 3 : 2));
            cr_assert_eq(bl_params_name_count(s.params), (size_t)i + (p ? 4 : 3));
            cr_assert_eq(bl_params_find(s.params, name), p);
        }
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "layer.%d", i);
        cr_assert_eq(bl_params_find(s.params, name), bl_params_at(s.params, (size_t)i + 2));
    }
    close_scene(&s);
}

Test(params_memory, a_new_registry)
{
    heap h = {0};
    bl_context_options options = {.allocator = {allocate, release, &h}, .threads = 1};
    bl_context *context = bl_context_new(&options);
    h.fail_at = h.count + 1;
    cr_assert_null(bl_params_new(context));
    cr_assert_eq(bl_context_error(context)->code, BL_ERR_MEMORY);
    bl_context_free(context);
    cr_assert_eq(h.live, 0);
}
