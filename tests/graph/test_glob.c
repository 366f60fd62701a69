/* Patterns of names, and freezing by them. Looks at src/graph/glob.h. */
#include "graph/glob.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>

Test(glob, matches)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"head.weight", "head.weight", true},
        {"head.weight", "head.weights", false},
        {"head.weight", "head.weigh", false},
        {"*", "", true},
        {"*", "a.b.c", true},
        {"*.weight", "block.0.weight", true},
        {"*.weight", "weight", false},
        {"block.*.weight", "block.0.attn.weight", true},
        {"block.*.weight", "block.weight", false},
        {"**a**", "bab", true},
        {"*ab*ac", "abaabac", true},
        {"*ab*ac", "abaabad", false},
        {"block.?.bias", "block.7.bias", true},
        {"block.?.bias", "block.17.bias", false},
        {"block.[0-3].*", "block.3.bias", true},
        {"block.[0-3].*", "block.4.bias", false},
        {"[!ab]c", "cc", true},
        {"[!ab]c", "ac", false},
        {"[^ab]c", "bc", false},
        {"[]x]", "]", true},
        {"[a-]", "-", true},
        {"[a-]", "b", false},
        {"[\\]]", "]", true},
        {"[a-c]", "", false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"a\\?", "ab", false},
        {"?", "\xc3\xa9", true}, /* one character of two bytes */
        {"??", "\xc3\xa9", false},
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
        {"[a-z]", "\xc3\xa9", false},
        {"?", "\xff", true}, /* no UTF-8: a byte is a character */
        {"\xe2\x82", "\xe2\x82", true},
        {"?", "\xe2\x82", false},
        {"[!a]", "\xff", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_null(bl__glob_complaint(cases[i].pattern), "%s", cases[i].pattern);
        cr_assert_eq(bl__glob_matches(cases[i].pattern, cases[i].text), cases[i].matches, "%s and %s",
                     cases[i].pattern, cases[i].text);
    }
    static const char *const bad[] = {NULL, "", "[ab", "[", "[]", "[!", "[a-", "a\\", "x[a\\]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not_null(bl__glob_complaint(bad[i]), "%s", bad[i] ? bad[i] : "NULL");
}

static bl_parameter *add(bl_params *params, const char *name)
{
    return bl_params_add(params, name, BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
}

Test(glob, freezes)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context), *others = bl_params_new(context);
    bl_params_scope_push(params, "block.0");
    bl_parameter *weight = add(params, "weight"), *bias = add(params, "bias");
    bl_params_scope_pop(params);
    bl_parameter *head = add(params, "head.weight"), *other = add(others, "other.weight");
    bl_parameter *seen = bl_params_add_buffer(params, "seen", BL_F32, BL_SHAPE(2));
    bl_params_register(params, "lookup.table", head);
    bl_params_register(others, "head.weight", bias);

    cr_assert_eq(bl_params_set_trainable(params, "*", false), BL_OK);
    cr_assert(!bl_parameter_trainable(weight) && !bl_parameter_trainable(head));
    cr_assert(bl_parameter_trainable(other), "of another registry");
    cr_assert_eq(bl_params_set_trainable(params, "*", true), BL_OK);
    cr_assert(bl_parameter_trainable(weight) && bl_parameter_trainable(head));
    cr_assert(!bl_parameter_trainable(seen), "a buffer stays one");

    cr_assert_eq(bl_params_set_trainable(params, "lookup.*", false), BL_OK);
    cr_assert_not(bl_parameter_trainable(head), "by its second name");
    cr_assert_eq(bl_params_set_trainable(params, "head.*", true), BL_OK);
    cr_assert(bl_parameter_trainable(head) && bl_parameter_trainable(bias));
    cr_assert_eq(bl_params_set_trainable(others, "head.*", false), BL_OK);
    cr_assert(bl_parameter_trainable(head) && !bl_parameter_trainable(bias), "a name counts in its registry");

    bl_params_scope_push(params, "block.0");
    cr_assert_eq(bl_params_set_trainable(params, "w*", false), BL_OK, "below the open scope");
    cr_assert_not(bl_parameter_trainable(weight));
    cr_assert_eq(bl_params_set_trainable(params, "head.*", false), BL_ERR_NOT_FOUND);
    cr_assert_str_eq(bl_params_error(params)->message,
                     "bl_params_set_trainable: no parameter's name matches block.0.head.*");
    cr_assert_eq(bl_params_set_trainable(params, "/head.*", false), BL_OK, "absolute");
    cr_assert_not(bl_parameter_trainable(head));

    bl_params_clear_error(params);
    cr_assert_eq(bl_params_set_trainable(params, "/see*", false), BL_ERR_NOT_FOUND);
    cr_assert_eq(bl_params_set_trainable(params, "[", true), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_params_set_trainable(params, NULL, true), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_params_set_trainable(NULL, "*", true), BL_ERR_ARGUMENT);
    bl_params_free(params);
    bl_params_free(others);
    bl_context_free(context);
}
