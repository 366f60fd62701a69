/* Tables from CSV files. */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(csv, .init = open_folder, .fini = close_folder);

static bl_csv *read_text(const char *text, const bl_csv_options *options)
{
    return bl_csv_read(context, write_file("t.csv", text, strlen(text)), options);
}

static const bl_csv_options headless = {.separator = ','};

Test(csv, tables)
{
    bl_csv *csv = read_text("\xef\xbb\xbf"
                            "length,\"a \"\"b\"\",\nc\",x\r\n"
                            "1, -2.5e3\t,+.5\r\n"
                            "\r\n\n"
                            "\"7\",nan,-Infinity",
                            NULL);
    cr_assert_not_null(csv, "%s", error_text(bl_context_error(context)));
    cr_assert(bl_csv_rows(csv) == 2 && bl_csv_columns(csv) == 3);
    cr_assert_str_eq(bl_csv_name(csv, 0), "length");
    cr_assert_str_eq(bl_csv_name(csv, 1), "a \"b\",\nc");
    cr_assert_str_eq(bl_csv_name(csv, 2), "x");
    cr_assert(!bl_csv_name(csv, 3) && !bl_csv_name(csv, -1));
    cr_assert(bl_csv_find(csv, "x") == 2 && bl_csv_find(csv, "y") == -1 && bl_csv_find(csv, NULL) == -1);
    const double *values = bl_csv_values(csv);
    cr_assert(values[0] == 1 && values[1] == -2500 && values[2] == 0.5 && values[3] == 7);
    cr_assert(isnan(values[4]) && values[5] == -INFINITY);
    bl_csv_free(csv);

    bl_csv_options options = bl_csv_defaults();
    options.separator = ';';
    options.header = false;
    options.empty_is_nan = true;
    csv = read_text("1;;3\n4; ;6\n", &options);
    cr_assert(bl_csv_rows(csv) == 2 && bl_csv_columns(csv) == 3 && !bl_csv_name(csv, 0));
    values = bl_csv_values(csv);
    cr_assert(isnan(values[1]) && isnan(values[4]) && values[5] == 6);
    bl_csv_free(csv);

    csv = read_text("a,b\n", NULL); /* a header alone */
    cr_assert(bl_csv_rows(csv) == 0 && bl_csv_columns(csv) == 2 && !bl_csv_values(csv));
    bl_csv_free(csv);
    bl_csv_free(NULL);
    cr_assert(bl_csv_rows(NULL) == 0 && bl_csv_columns(NULL) == 0 && !bl_csv_values(NULL));
}

/* Numbers are rounded correctly, to the last bit. */
Test(csv, digits)
{
    bl_csv *csv =
        read_text("0.1,1.7976931348623157e308,4.9406564584124654e-324,9007199254740993,1e-400\n", &headless);
    const double *values = bl_csv_values(csv);
    cr_assert(values[0] == 0.1 && values[1] == DBL_MAX && values[2] == 0x1p-1074 &&
              values[3] == 9007199254740992.0);
    cr_assert_eq(values[4], 0);
    bl_csv_free(csv);
}

Test(csv, refused_files)
{
    bl_csv_options plain = headless, named = bl_csv_defaults();
    const struct {
        const char *text;
        const bl_csv_options *options;
        const char *message;
    } cases[] = {
        {"1,2\n3,abc\n", &plain, "t.csv:2:3: 'abc' is no number"},
        {"1,0x10\n", &plain, "t.csv:1:3: '0x10' is no number"},
        {"1,1.5.2\n", &plain, "t.csv:1:3: '1.5.2' is no number"},
        {"1,1 2\n", &plain, "t.csv:1:3: '1 2' is no number"},
        {"1,nano\n", &plain, "t.csv:1:3: 'nano' is no number"},
        {"1,-\n", &plain, "t.csv:1:3: '-' is no number"},
        {"1,1e\n", &plain, "t.csv:1:3: '1e' is no number"},
        {"1\r2\n", &plain, "t.csv:1:1: '1?2' is no number"},
        {"1,1e400\n", &plain, "t.csv:1:3: the number is too large for f64"},
        {"1,\n", &plain, "t.csv:1:3: the field is empty"},
        {"1,2\n\n3\n", &plain, "t.csv:3:1: the line has 1 fields, the first one 2"},
        {"1,2\n3,4,5\n", &plain, "t.csv:2:1: the line has 3 fields, the first one 2"},
        {"a,b\n1\n", &named, "t.csv:2:1: the line has 1 fields, the first one 2"},
        {"\"a\nb\",c\n1,\"2\"x\n", &named, "t.csv:3:6: there is text behind the closing quote"},
        {"a\n\"1\n\n", &named, "t.csv:2:1: this quote is never closed"},
        {"", &named, "t.csv:1:1: there is nothing in the file"},
        {"\n\n", &plain, "t.csv:1:1: there is nothing in the file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_null(read_text(cases[i].text, cases[i].options), "%s", cases[i].message);
        cr_assert(error_says(bl_context_error(context), BL_ERR_IO, cases[i].message, NULL), "%s",
                  error_text(bl_context_error(context)));
    }
    cr_assert_null(bl_csv_read(context, write_file("z.csv", "a\0b\n1\n", 6), NULL));
    cr_assert(error_says(bl_context_error(context), BL_ERR_IO, "z.csv:1:1: the name has a zero byte", NULL));
    cr_assert_null(bl_csv_read(context, write_file("z.csv", "1\0\n", 3), &plain));
    cr_assert_null(bl_csv_read(context, path_of("none.csv"), NULL));
    cr_assert(error_says(bl_context_error(context), BL_ERR_IO, "none.csv: No such file", NULL));
    const char bad[] = {'"', '\n', '\r', '.', '7', '\0'};
    for (size_t i = 0; i < sizeof bad; i++) {
        plain.separator = bad[i];
        cr_assert_null(read_text("1\n", &plain));
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
    }
    cr_assert_null(bl_csv_read(context, NULL, NULL));
    cr_assert_null(bl_csv_read(NULL, "x", NULL));
}

/* A thread whose locale writes 1,5: numbers are read with a point all the same, and the locale stays. */
Test(csv, locale)
{
    char command[600];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s' >/dev/null 2>&1",
             path_of("de_DE.UTF-8"));
    setenv("LOCPATH", path_of("."), 1);
    if (system(command) != 0 || !setlocale(LC_ALL, "de_DE.UTF-8"))
        cr_skip_test("no locale with a decimal comma can be made here");
    cr_assert_str_eq(localeconv()->decimal_point, ",");
    bl_csv *csv = read_text("1.5,2.25\n", &headless);
    cr_assert_not_null(csv, "%s", error_text(bl_context_error(context)));
    cr_assert(bl_csv_values(csv)[0] == 1.5 && bl_csv_values(csv)[1] == 2.25);
    cr_assert_str_eq(localeconv()->decimal_point, ",");
    bl_csv_free(csv);
    setlocale(LC_ALL, "C");
    snprintf(command, sizeof command, "rm -rf '%s'", path_of("de_DE.UTF-8"));
    cr_assert_eq(system(command), 0);
}

Test(csv, out_of_memory)
{
    char text[4000] = "a,b\n", why[160];
    for (int i = 0; i < 200; i++)
        strcat(text, "12345678,9\n");
    write_file("t.csv", text, strlen(text));
    for (long fail = 1;; fail++) {
        failing_allocator heap;
        failing_allocator_init(&heap);
        bl_context *poor = failing_allocator_context(&heap);
        failing_allocator_fail(&heap, fail, false);
        bl_csv *csv = bl_csv_read(poor, path_of("t.csv"), NULL);
        cr_assert(csv || bl_context_error(poor)->code == BL_ERR_MEMORY);
        bool done = csv != NULL;
        bl_csv_free(csv);
        bl_context_free(poor);
        cr_assert(failing_allocator_clean(&heap, why, sizeof why), "%ld: %s", fail, why);
        if (done) {
            cr_assert_gt(fail, 5);
            break;
        }
    }
}
