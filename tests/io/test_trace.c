/* Traces: that they are JSON, and what stands in them. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(trace, .init = open_all, .fini = close_all);

/* ---- JSON: each function returns what follows a thing of its kind, NULL where there is none ---- */

static const char *value(const char *at, int depth);

static const char *space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < ' ')
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u') {
            for (int i = 0; i < 4; i++)
                if (!isxdigit((unsigned char)*++at))
                    return NULL;
        } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
            return NULL;
        }
    }
    return at + 1;
}

static const char *digits(const char *at)
{
    return isdigit((unsigned char)*at) ? at + strspn(at, "0123456789") : NULL;
}

static const char *number(const char *at)
{
    at += *at == '-';
    at = *at == '0' ? at + 1 : digits(at);
    return at && *at == '.' ? digits(at + 1) : at;
}

/* Members between braces, or elements between brackets. */
static const char *list(const char *at, int depth)
{
    char end = *at == '{' ? '}' : ']';
    at = space(at + 1);
    if (*at == end)
        return at + 1;
    for (;;) {
        if (end == '}') {
            at = string(space(at));
            at = at ? space(at) : NULL;
            if (!at || *at++ != ':')
                return NULL;
        }
        at = value(space(at), depth + 1);
        at = at ? space(at) : NULL;
        if (!at || (*at != ',' && *at != end))
            return NULL;
        if (*at++ == end)
            return at;
    }
}

static const char *value(const char *at, int depth)
{
    if (depth > 8)
        return NULL;
    return *at == '{' || *at == '[' ? list(at, depth) : *at == '"' ? string(at) : number(at);
}

Test(trace, the_checker_refuses_what_is_no_json)
{
    static const char *const good[] = {"[]", "[{\"a\": -0.5}, \"\\u00e9\\n\", [1,20]]", "0", "{}"};
    static const char *const bad[] = {"",   "[",      "[1,]",    "{\"a\"}", "[1 2]",      "01x",
                                      "\"", "\"\n\"", "\"\\x\"", "1.",      "{\"a\":1,}", "\"\\u12g4\"",
                                      "-",  "{1:2}",  "[1}",     ".5"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const char *end = value(good[i], 0);
        cr_expect(end && *end == '\0', "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *end = value(bad[i], 0);
        cr_expect(!end || *end != '\0', "%s", bad[i]);
    }
}

/* ---- traces ---- */

/* The trace of a program as text, which is one JSON value; the caller's to free. */
static char *traced(const bl_program *program)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    cr_assert_eq(bl_profile_write_trace(program, file), BL_OK, "%s", error_text(bl_context_error(context)));
    fclose(file);
    const char *end = value(text, 0);
    cr_assert(end && strcmp(end, "\n") == 0 && *text == '[', "%s", text);
    return text;
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* The number behind a key of the event of that name. */
static double field(const char *text, const char *name, const char *key)
{
    char event[64], member[64];
    snprintf(event, sizeof(event), "{\"name\":\"%s\"", name);
    snprintf(member, sizeof(member), "\"%s\":", key);
    const char *at = strstr(text, event);
    at = at ? strstr(at, member) : NULL;
    cr_assert_not_null(at, "%s of %s in\n%s", key, name, text);
    return strtod(at + strlen(member), NULL);
}

Test(trace, an_event_each_for_the_run_its_instructions_and_the_commit)
{
    bl_parameter *state = bl_params_add_buffer(params, "state", BL_F32, BL_SHAPE(5, 6));
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(4, 5)), *y;
    const float values[20] = {1, 2, 3};
    bl_scope_push(graph, "block");
    y = bl_label(bl_matmul(x, bl_full(graph, BL_F32, BL_SHAPE(5, 6), 1)), "scores");
    bl_scope_pop(graph);
    bl_program *program = bl_compile(context, bl_softmax(y, 1), bl_assign_slice(state, 0, 1, bl_exp(y)));
    bl_set_input(program, x, values, sizeof(values));
    bl_profile_start(program);
    bl_run(program);
    bl_run(program);
    char *text = traced(program);
    cr_expect_eq(occurrences(text, "\"ph\":\"X\""), 5, "of two runs the last:\n%s", text);
    cr_expect_eq(occurrences(text, "\"cat\":\"instruction\""), 3);
    cr_expect_eq(occurrences(text, "\"pid\":1,\"tid\":1,\"ts\":"), 5);
    cr_expect_eq(occurrences(text, "\"label\":\"scores\",\"scope\":\"block\",\"file\":"), 1, "%s", text);
    cr_expect_eq(field(text, "matmul", "flops"), 240);
    cr_expect_eq(field(text, "matmul", "bytes_read"), 80 + 4, "one number stands for the second factor");
    cr_expect_eq(field(text, "commit", "bytes_written"), 96);
    static const char *const names[] = {"matmul", "softmax", "exp", "commit"};
    double begin = field(text, "run", "ts"), end = begin + field(text, "run", "dur");
    cr_expect_float_eq(begin, 1e-3 * (double)bl_profile_run(program).last_begin, 1e-2);
    for (size_t i = 0; i < 4; i++) {
        double ts = field(text, names[i], "ts");
        cr_expect(ts >= begin && ts + field(text, names[i], "dur") <= end + 1e-2, "%s in\n%s", names[i],
                  text);
    }
    free(text);
    bl_program_free(program);
}

Test(trace, hostile_names)
{
    static const struct {
        const char *label, *written;
    } labels[] = {{"quo\"te \\", "\"quo\\\"te \\\\\""},
                  {"new\nline\x01", "\"new\\u000aline\\u0001\""},
                  {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
                  {"\xff"
                   "a\xc3",
                   "\"\\ufffda\\ufffd\""},
                  {"\xc0\xaf\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""},
                  {"\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\""},
                  {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}};
    enum {
        COUNT = sizeof(labels) / sizeof(*labels)
    };
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(2), 1);
    bl_scope_push(graph, "sco\"pe");
    for (int i = 0; i < COUNT; i++)
        x = bl_label(bl_softmax(x, 0), labels[i].label);
    bl_scope_pop(graph);
    bl_program *program = bl_compile(context, x);
    bl_profile_start(program);
    bl_run(program);
    char *text = traced(program);
    for (int i = 0; i < COUNT; i++) {
        char member[64];
        snprintf(member, sizeof(member), "\"label\":%s,", labels[i].written);
        cr_expect_eq(occurrences(text, member), 1, "%s in\n%s", member, text);
    }
    cr_expect_eq(occurrences(text, "\"scope\":\"sco\\\"pe\""), COUNT);
    free(text);
    bl_program_free(program);
}

Test(trace, of_a_run_that_failed_what_it_finished)
{
    const int64_t outside = 7;
    bl_tensor *index = bl_input(graph, "index", BL_I64, BL_SHAPE(1));
    bl_tensor *table = bl_softmax(bl_full(graph, BL_F32, BL_SHAPE(3, 2), 1), 0);
    bl_program *program = bl_compile(context, bl_embedding(table, index));
    bl_set_input(program, index, &outside, sizeof(outside));
    bl_profile_start(program);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    char *text = traced(program);
    cr_expect_eq(occurrences(text, "\"ph\":\"X\""), 1, "%s", text);
    cr_expect_eq(occurrences(text, "\"name\":\"softmax\""), 1);
    free(text);
    bl_program_free(program);
}

Test(trace, errors)
{
    bl_program *program = bl_compile(context, bl_exp(bl_scalar(graph, BL_F32, 1)));
    bl_program *invalid = bl_compile_list(context, NULL, 0, NULL);
    FILE *file = tmpfile(), *full = fopen("/dev/full", "w");
    cr_assert(file && full);
    cr_expect_eq(bl_profile_write_trace(NULL, file), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_profile_write_trace(invalid, file), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_profile_write_trace(program, file), BL_ERR_STATE);
    bl_profile_start(program);
    cr_expect_eq(bl_profile_write_trace(program, file), BL_ERR_STATE);
    cr_expect(error_says(bl_context_error(context), BL_ERR_STATE, "profile_write_trace", "no run", NULL));
    cr_expect_eq(ftell(file), 0);
    bl_run(program);
    cr_expect_eq(bl_profile_write_trace(program, NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_profile_write_trace(program, full), BL_ERR_IO);
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO, "profile_write_trace", NULL));
    cr_expect_eq(bl_profile_write_trace(program, file), BL_OK);
    fclose(file);
    fclose(full);
    bl_program_free(program);
    bl_program_free(invalid);
}
