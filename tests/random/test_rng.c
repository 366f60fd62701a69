/* The generator's life, its refusals, and the two builds of its normal blocks.
 * Looks at src/random/rng.h for the state that a refused call must not move, and for the blocks. */
#include "random/rng.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The C++ standard gives the 10000th word of the seed 5489 for mt19937. */
Test(rng, standard_word)
{
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 5489);
    uint32_t word = 0;
    for (int i = 0; i < 10000; i++)
        word = bl_rng_next(rng);
    cr_assert_eq(word, 4123659995U);
    bl_rng_free(rng);
    bl_context_free(context);
}

typedef struct heap {
    size_t live;
    bool empty;
} heap;

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    heap *h = user;
    if (h->empty)
        return NULL;
    h->live += bytes;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *user, void *block, size_t bytes)
{
    heap *h = user;
    h->live -= bytes;
    free(block);
}

Test(rng, memory)
{
    heap memory = {0, false};
    bl_context_options options = {.allocator = {allocate, release, &memory}, .threads = 1};
    bl_context *context = bl_context_new(&options);
    size_t before = memory.live;
    memory.empty = true;
    cr_assert_null(bl_rng_new(context, 1));
    cr_assert_eq(bl_context_error(context)->code, BL_ERR_MEMORY);
    cr_assert_eq(memory.live, before);
    memory.empty = false;

    bl_rng *rng = bl_rng_new(context, 1);
    cr_assert_not_null(rng);
    bl_context_free(context); /* the generator keeps it */
    int64_t value;
    cr_assert_eq(bl_rng_randint(rng, 0, 10, &value, 1), BL_OK);
    cr_assert_eq(bl_rng_randint(rng, 0, 0, &value, 1), BL_ERR_ARGUMENT);
    bl_rng_free(rng);
    cr_assert_eq(memory.live, 0);

    cr_assert_null(bl_rng_new(NULL, 1));
    bl_rng_free(NULL);
}

/* Refused: the status, a message that names the function, the arrays and the generator as they were. */
static void refused(const bl_rng *rng, const bl_rng *copy, const double *values, bl_status status,
                    const char *function)
{
    cr_assert_eq(status, BL_ERR_ARGUMENT, "%s", function);
    cr_assert_eq(memcmp(rng, copy, sizeof(*rng)), 0, "%s has drawn", function);
    cr_assert(values[0] == 7 && values[1] == 7, "%s has written", function);
    const bl_error *error = bl_context_error(rng->context);
    cr_assert_eq(error->code, BL_ERR_ARGUMENT, "%s", function);
    cr_assert_eq(strncmp(error->message, function, strlen(function)), 0, "%s: %s", function, error->message);
    bl_context_clear_error(rng->context);
}

Test(rng, bad_arguments)
{
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 3), copy;
    double values[2] = {7, 7};
    double *f64 = values;
    float *f32 = (void *)values;
    int64_t *i64 = (void *)values;
    cr_assert_eq(bl_rng_normal_f64(rng, 0, 1, &(double){0}, 1), BL_OK); /* so that a value is kept back */
    memcpy(&copy, rng, sizeof(copy));
#define REFUSED(function, ...) refused(rng, &copy, values, function(__VA_ARGS__), #function)

    REFUSED(bl_rng_randint, rng, 0, 10, NULL, 1);
    REFUSED(bl_rng_randint, rng, 3, 3, i64, 2);
    REFUSED(bl_rng_randint, rng, 3, 3, NULL, 0);
    REFUSED(bl_rng_randint, rng, INT64_MAX, INT64_MIN, i64, 2);
    REFUSED(bl_rng_randperm, rng, NULL, 2);

    const double bounds[][2] = {{1, 0},         {NAN, 1},        {0, NAN},       {0, INFINITY},
                                {-INFINITY, 0}, {-1e308, 1e308}, {1e308, -1e308}};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        REFUSED(bl_rng_uniform_f32, rng, bounds[i][0], bounds[i][1], f32, 2);
        REFUSED(bl_rng_uniform_f64, rng, bounds[i][0], bounds[i][1], f64, 2);
    }
    REFUSED(bl_rng_uniform_f32, rng, 0, 1e39, f32, 2);
    REFUSED(bl_rng_uniform_f32, rng, -(double)FLT_MAX, FLT_MAX, f32, 2);
    REFUSED(bl_rng_uniform_f32, rng, 0, 1, NULL, 1);
    REFUSED(bl_rng_uniform_f64, rng, 0, 1, NULL, 1);

    const double normals[][2] = {{0, -1}, {0, NAN}, {0, INFINITY}, {NAN, 1}, {-INFINITY, 1}};
    for (size_t i = 0; i < sizeof(normals) / sizeof(normals[0]); i++) {
        REFUSED(bl_rng_normal_f32, rng, normals[i][0], normals[i][1], f32, 2);
        REFUSED(bl_rng_normal_f64, rng, normals[i][0], normals[i][1], f64, 2);
    }
    REFUSED(bl_rng_normal_f32, rng, 0, 1, NULL, 16);
    REFUSED(bl_rng_normal_f64, rng, 0, 1, NULL, 1);
#undef REFUSED
    bl_rng_free(rng);
    bl_context_free(context);
}

Test(rng, no_generator)
{
    int64_t i64;
    float f32;
    double f64;
    cr_assert_eq(bl_rng_next(NULL), 0);
    bl_rng_seed(NULL, 1);
    cr_assert_eq(bl_rng_randint(NULL, 0, 10, &i64, 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_randperm(NULL, &i64, 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_uniform_f32(NULL, 0, 1, &f32, 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_uniform_f64(NULL, 0, 1, &f64, 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_normal_f32(NULL, 0, 1, &f32, 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_normal_f64(NULL, 0, 1, &f64, 1), BL_ERR_ARGUMENT);
}

/* No values need no array, and draw nothing. */
Test(rng, no_values)
{
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 3), copy;
    memcpy(&copy, rng, sizeof(copy));
    cr_assert_eq(bl_rng_randint(rng, 0, 10, NULL, 0), BL_OK);
    cr_assert_eq(bl_rng_randperm(rng, NULL, 0), BL_OK);
    cr_assert_eq(bl_rng_uniform_f32(rng, 0, 1, NULL, 0), BL_OK);
    cr_assert_eq(bl_rng_uniform_f64(rng, 0, 1, NULL, 0), BL_OK);
    cr_assert_eq(bl_rng_normal_f32(rng, 0, 1, NULL, 0), BL_OK);
    cr_assert_eq(bl_rng_normal_f64(rng, 0, 1, NULL, 0), BL_OK);
    cr_assert_eq(memcmp(rng, &copy, sizeof(copy)), 0);
    bl_rng_free(rng);
    bl_context_free(context);
}

/* A state that was taken anywhere, a normal value kept back or not, goes on with the same draws. */
Test(rng, states)
{
    static unsigned char state[BL_RNG_STATE_BYTES], again[BL_RNG_STATE_BYTES], bad[BL_RNG_STATE_BYTES];
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 123456789012345u), *other = bl_rng_new(context, 2);
    for (size_t count = 0; count < 1300; count += 97) {
        float drawn[1300 + 3], repeated[1300 + 3];
        cr_assert_eq(bl_rng_uniform_f32(rng, 0, 1, drawn, count), BL_OK);
        cr_assert_eq(bl_rng_normal_f32(rng, 0, 1, drawn, count % 2 + 1), BL_OK);
        cr_assert_eq(bl_rng_get_state(rng, state, sizeof(state)), BL_OK);
        cr_assert_eq(bl_rng_set_state(other, state, sizeof(state)), BL_OK);
        cr_assert_eq(bl_rng_get_state(other, again, sizeof(again)), BL_OK);
        cr_assert_eq(memcmp(state, again, sizeof(state)), 0);
        bl_rng_normal_f32(rng, 0, 1, drawn, 3);
        bl_rng_uniform_f32(rng, 0, 1, drawn + 3, 1300);
        bl_rng_normal_f32(other, 0, 1, repeated, 3);
        bl_rng_uniform_f32(other, 0, 1, repeated + 3, 1300);
        cr_assert_eq(memcmp(drawn, repeated, sizeof(drawn)), 0);
    }
    cr_assert_eq(bl_rng_get_state(rng, state, sizeof(state)), BL_OK);
    static const size_t places[] = {8,      12,   16,
                                    24 + 4, 5040, 5052}; /* left, seeded, next, a word, the flags */
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        memcpy(bad, state, sizeof(bad));
        bad[places[i]] ^= 0x82;
        cr_assert_eq(bl_rng_set_state(rng, bad, sizeof(bad)), BL_ERR_ARGUMENT, "%zu", places[i]);
        cr_assert_eq(bl_rng_get_state(rng, again, sizeof(again)), BL_OK);
        cr_assert_eq(memcmp(state, again, sizeof(state)), 0, "it was refused and changed something");
    }
    cr_assert_eq(bl_rng_set_state(rng, state, sizeof(state) - 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_set_state(rng, NULL, sizeof(state)), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_set_state(NULL, state, sizeof(state)), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_get_state(rng, state, 5055), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_get_state(NULL, state, sizeof(state)), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_rng_get_state(rng, NULL, sizeof(state)), BL_ERR_ARGUMENT);
    bl_rng_free(rng);
    bl_rng_free(other);
    bl_context_free(context);
}

/* With and without the processor's fma: uniforms from all over [0, 1), and both ends of it. */
Test(rng, normal_blocks)
{
    enum {
        BLOCKS = 4096,
        COUNT = 16 * BLOCKS
    };
    static float fast[COUNT], plain[COUNT];
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 3);
    cr_assert_eq(bl_rng_uniform_f32(rng, 0, 1, fast, COUNT), BL_OK);
    for (int i = 0; i < 16; i++) {
        fast[i] = 0.0F;
        fast[16 + i] = 1.0F - 0x1p-24F;
        fast[32 + i] = 0.125F * (float)(i % 8); /* where sine and cosine change places or sign */
    }
    memcpy(plain, fast, sizeof(plain));
    bl__rng_normal_blocks_f32(fast, BLOCKS, 0.25F, 1.5F);
    bl__rng_normal_blocks_plain_f32(plain, BLOCKS, 0.25F, 1.5F);
    cr_assert_eq(memcmp(fast, plain, sizeof(plain)), 0);
    for (int i = 0; i < COUNT; i++) /* sqrt(-2 log 2^-24) < 5.77 */
        cr_assert(fabsf(plain[i] - 0.25F) < 1.5F * 5.77F);
    cr_assert_eq(plain[0], 0.25F);
    bl_rng_free(rng);
    bl_context_free(context);
}
