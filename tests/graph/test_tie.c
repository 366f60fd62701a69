/* Tying and untying names. Looks at src/graph/parameter.h for generations, references and optimizer state. */
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>

static bl_parameter *add(bl_params *params, const char *name, bl_dtype dtype, bl_shape shape, double value)
{
    bl_parameter *parameter = bl_params_add(params, name, dtype, shape, bl_init_constant(value), NULL);
    cr_assert_not_null(parameter);
    return parameter;
}

static void expect(bl_params *params, bl_status given, bl_status status, const char *message)
{
    cr_assert_eq(given, status);
    cr_assert_eq(bl_params_error(params)->code, status);
    cr_assert_str_eq(bl_params_error(params)->message, message);
    bl_params_clear_error(params);
}

static float first_value(const bl_parameter *parameter)
{
    return *(const float *)bl_parameter_data(parameter);
}

Test(tie, points_at_the_other)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_parameter *embedding = add(params, "embedding.weight", BL_F32, BL_SHAPE(10, 3), 1);
    bl_parameter *head = add(params, "head.weight", BL_F32, BL_SHAPE(10, 3), 2);
    uint64_t id = bl_parameter_id(head);
    bl__parameter_retain(embedding); /* as a program compiled before would */
    unsigned before = atomic_load(&embedding->generation);
    cr_assert_eq(bl_params_tie(params, "embedding.weight", "head.weight"), BL_OK);
    cr_assert(bl_params_find(params, "embedding.weight") == head &&
              bl_params_find(params, "head.weight") == head);
    cr_assert(bl_params_count(params) == 1 && bl_params_name_count(params) == 2);
    cr_assert(bl_params_at(params, 0) == head && bl_parameter_id(head) == id);
    cr_assert_eq(first_value(head), 2.0f);
    cr_assert_eq(bl_params_unique_elements(params), 30);
    cr_assert_eq(bl_params_named_elements(params), 60);
    cr_assert_str_eq(bl_parameter_name(head), "head.weight");
    cr_assert_str_eq(bl_params_name_at(params, 0, NULL), "embedding.weight");
    cr_assert_eq(atomic_load(&head->references), 2);
    cr_assert_eq(atomic_load(&head->generation), 0, "the survivor means what it meant");
    cr_assert_eq(atomic_load(&embedding->generation), before + 1);
    cr_assert_eq(atomic_load(&embedding->references), 1);
    cr_assert_null(embedding->names);
    bl__parameter_release(embedding);

    cr_assert_eq(bl_params_tie(params, "embedding.weight", "head.weight"), BL_OK, "tied already");
    cr_assert_eq(bl_params_tie(params, "head.weight", "head.weight"), BL_OK);
    cr_assert_eq(atomic_load(&head->references), 2);
    bl_params_free(params);
    bl_context_free(context);
}

Test(tie, refused_and_unchanged)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_parameter *a = add(params, "a", BL_F32, BL_SHAPE(2, 3), 1);
    add(params, "b", BL_F32, BL_SHAPE(3, 2), 2);
    add(params, "c", BL_F64, BL_SHAPE(2, 3), 3);
    add(params, "d", BL_F32, BL_SHAPE(2, 3), 4);
    bl_params_add_buffer(params, "e", BL_F32, BL_SHAPE(2, 3));
    expect(params, bl_params_tie(params, "a", "b"), BL_ERR_SHAPE,
           "bl_params_tie: shapes differ: a f32 [2,3] and b f32 [3,2]");
    expect(params, bl_params_tie(params, "a", "c"), BL_ERR_DTYPE,
           "bl_params_tie: dtypes differ: a f32 [2,3] and c f64 [2,3]");
    expect(params, bl_params_tie(params, "a", "e"), BL_ERR_ARGUMENT,
           "bl_params_tie: a is a parameter and e is a buffer");
    expect(params, bl_params_tie(params, "a", "z"), BL_ERR_NOT_FOUND,
           "bl_params_tie: no parameter is named z");
    expect(params, bl_params_tie(params, "z", "a"), BL_ERR_NOT_FOUND,
           "bl_params_tie: no parameter is named z");
    expect(params, bl_params_tie(params, NULL, "a"), BL_ERR_ARGUMENT, "bl_params_tie: the name is NULL");
    expect(params, bl_params_tie(params, "a", NULL), BL_ERR_ARGUMENT, "bl_params_tie: the name is NULL");
    expect(params, bl_params_untie(params, "z"), BL_ERR_NOT_FOUND,
           "bl_params_untie: no parameter is named z");
    expect(params, bl_params_untie(params, NULL), BL_ERR_ARGUMENT, "bl_params_untie: the name is NULL");
    bl_params_scope_push(params, "block");
    expect(params, bl_params_tie(params, "a", "/b"), BL_ERR_NOT_FOUND,
           "bl_params_tie: no parameter is named block.a");
    bl_params_scope_pop(params);
    a->optimizers = 1;
    expect(params, bl_params_tie(params, "a", "d"), BL_ERR_STATE,
           "bl_params_tie: a f32 [2,3] cannot become d f32 [2,3]: an optimizer has state for it");
    cr_assert(bl_params_find(params, "a") == a && bl_params_count(params) == 5);
    cr_assert(atomic_load(&a->generation) == 0 && atomic_load(&a->references) == 1);
    cr_assert_eq(bl_params_tie(params, "d", "a"), BL_OK, "the state is the survivor's");
    bl_params_free(params);
    bl_context_free(context);
}

Test(tie, untie_copies)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_parameter *head = add(params, "head.weight", BL_F32, BL_SHAPE(2), 5);
    bl_params_register(params, "embedding.weight", head);
    bl_params_register(params, "third", head);
    cr_assert_eq(bl_params_untie(params, "embedding.weight"), BL_OK);
    bl_parameter *own = bl_params_find(params, "embedding.weight");
    cr_assert(own != head && bl_parameter_id(own) != bl_parameter_id(head));
    cr_assert(bl_params_find(params, "third") == head && bl_params_find(params, "head.weight") == head);
    cr_assert_eq(first_value(own), 5.0f);
    cr_assert_str_eq(bl_parameter_name(own), "embedding.weight");
    cr_assert(bl_params_count(params) == 2 && bl_params_at(params, 1) == own);
    cr_assert_eq(atomic_load(&head->generation), 1);
    cr_assert(atomic_load(&head->references) == 2 && atomic_load(&own->references) == 1);
    float values[2] = {7, 7};
    bl_parameter_write(own, values, sizeof(values));
    cr_assert_eq(first_value(head), 5.0f);

    /* the canonical name may go too: the next one takes its place, the identity stays with the others */
    cr_assert_eq(bl_params_untie(params, "head.weight"), BL_OK);
    cr_assert_str_eq(bl_parameter_name(head), "third");
    cr_assert_str_eq(bl_parameter_name(bl_params_find(params, "head.weight")), "head.weight");
    cr_assert_eq(bl_params_untie(params, "third"), BL_OK, "shares with no other");
    cr_assert_eq(bl_params_find(params, "third"), head);
    cr_assert(bl_params_count(params) == 3 && atomic_load(&head->references) == 1);

    bl_params_register(params, "again", own);
    bl_parameter_set_trainable(own, false);
    cr_assert(bl__parameter_enter(own, true));
    expect(params, bl_params_untie(params, "again"), BL_ERR_BUSY,
           "bl_params_untie: again is in use by a run");
    bl__parameter_leave(own, true);
    cr_assert_eq(bl_params_untie(params, "again"), BL_OK);
    cr_assert_not(bl_parameter_trainable(bl_params_find(params, "again")), "a copy in this too");
    bl_params_free(params);
    bl_context_free(context);
}

Test(tie, renames_what_stays_behind)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_parameter *a = add(params, "a", BL_F32, BL_SHAPE(2), 1);
    bl_parameter *c = add(params, "c", BL_F32, BL_SHAPE(2), 2);
    bl_params_register(params, "b", a);
    cr_assert_eq(bl_params_tie(params, "a", "c"), BL_OK);
    cr_assert(bl_params_find(params, "a") == c && bl_params_find(params, "b") == a);
    cr_assert_str_eq(bl_parameter_name(a), "b");
    cr_assert_str_eq(bl_parameter_name(c), "c");
    cr_assert_eq(bl_params_count(params), 2);
    bl_params_free(params);
    bl_context_free(context);
}

Test(tie, across_registries)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *first = bl_params_new(context), *second = bl_params_new(context);
    bl_parameter *w = add(first, "w", BL_F32, BL_SHAPE(2), 1);
    bl_params_register(second, "w", w);
    cr_assert_eq(bl_params_untie(second, "w"), BL_OK);
    bl_parameter *own = bl_params_find(second, "w");
    cr_assert(own != w && bl_params_find(first, "w") == w);
    cr_assert_str_eq(bl_parameter_name(w), "w");
    cr_assert(bl_params_count(first) == 1 && bl_params_count(second) == 1);
    cr_assert_eq(bl_params_at(second, 0), own);
    bl_params_register(second, "borrowed", w);
    cr_assert_eq(bl_params_tie(second, "w", "borrowed"), BL_OK);
    cr_assert_eq(bl_params_find(second, "w"), w);
    cr_assert_eq(bl_params_count(second), 1);
    bl_params_free(first);
    cr_assert_eq(atomic_load(&w->references), 2);
    bl_params_free(second);
    bl_context_free(context);
}
