/* Tables of numbers from CSV files. The parser is our own: Debian's libcsv has not been kept up since 2013,
 * takes no allocator of the caller's, and does not know where in the file it is. */
#define _POSIX_C_SOURCE 200809L /* locales of a thread */
#include "bowline/data.h"
#include "data/mapping.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bl_csv {
    bl_context *context;
    int64_t rows, columns;
    double *values;
    size_t value_count, value_capacity;
    char *names; /* one after the other, each terminated; NULL without a header */
    size_t name_bytes, name_capacity;
};

/* Reading a file. A field is copied, without its quotes, so that it is terminated. */
typedef struct reader {
    bl_csv *csv;
    const char *path;
    bl_csv_options options;
    const char *at, *end;
    const char *line_start;
    long long line;
    long long field_line, field_column; /* where the last field began */
    char *field;
    size_t length, capacity;
    bool was_quoted;
    bl_status status;
} reader;

bl_csv_options bl_csv_defaults(void)
{
    return (bl_csv_options){.separator = ',', .header = true};
}

/* ---- fields ---- */

static void no_memory(reader *r)
{
    r->status =
        bl__report(r->csv->context, NULL, BL_ERR_MEMORY, "csv_read", NULL, "no memory for %s", r->path);
}

static long long column(const reader *r)
{
    return r->at - r->line_start + 1;
}

static void complain(reader *r, long long line, long long at, const char *what)
{
    r->status = bl__report(r->csv->context, NULL, BL_ERR_IO, "csv_read", NULL, "%s:%lld:%lld: %s", r->path,
                           line, at, what);
}

static void put(reader *r, char c)
{
    if (r->length == r->capacity &&
        !bl__grow(&r->csv->context->allocator, &r->field, &r->capacity, sizeof(char))) {
        no_memory(r);
        return;
    }
    r->field[r->length++] = c;
}

static bool is_line_end(const reader *r)
{
    return r->at == r->end || *r->at == '\n' || (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n');
}

static void next_line(reader *r)
{
    if (r->at < r->end)
        r->at += *r->at == '\r' ? 2 : 1;
    r->line++;
    r->line_start = r->at;
}

/* What stands between quotes, of which the first has been read; it may have ends of lines. */
static void read_quoted(reader *r)
{
    while (r->status == BL_OK && r->at < r->end) {
        char c = *r->at++;
        if (c == '"' && (r->at == r->end || *r->at != '"'))
            return;
        if (c == '"')
            r->at++;
        if (c == '\n') {
            r->line++;
            r->line_start = r->at;
        }
        put(r, c);
    }
    if (r->status == BL_OK)
        complain(r, r->field_line, r->field_column, "this quote is never closed");
}

static void read_field(reader *r)
{
    r->length = 0;
    r->field_line = r->line;
    r->field_column = column(r);
    r->was_quoted = r->at < r->end && *r->at == '"';
    if (r->was_quoted) {
        r->at++;
        read_quoted(r);
        if (r->status == BL_OK && !is_line_end(r) && *r->at != r->options.separator)
            complain(r, r->line, column(r), "there is text behind the closing quote");
    }
    while (r->status == BL_OK && !is_line_end(r) && *r->at != r->options.separator)
        put(r, *r->at++);
    if (r->status == BL_OK)
        put(r, '\0');
}

/* ---- numbers ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether a text is a word of strtod's, whatever its case. */
static bool is_word(const char *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '\0' || (text[i] | 0x20) != word[i])
            return false;
    }
    return word[length] == '\0';
}

static bool is_special(const char *text, size_t length)
{
    size_t sign = length > 0 && (*text == '+' || *text == '-');
    text += sign;
    length -= sign;
    return is_word(text, length, "nan") || is_word(text, length, "inf") || is_word(text, length, "infinity");
}

/* The number of the field, which strtod reads with a '.', since the thread's locale is "C" for the while. */
static double number(reader *r)
{
    char *text = r->field, *stop, message[128];
    size_t length = r->length - 1;
    while (length > 0 && is_blank(*text))
        text++, length--;
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    text[length] = '\0';
    if (length == 0 && r->options.empty_is_nan)
        return NAN;
    bool special = is_special(text, length);
    bool plain = length > 0 && strspn(text, "+-.0123456789eE") == length; /* no hexadecimal digits */
    double value = special || plain ? strtod(text, &stop) : 0;
    if ((!special && !plain) || stop != text + length) {
        for (char *c = text; *c; c++)
            *c = (unsigned char)*c < ' ' ? '?' : *c; /* for the message */
        snprintf(message, sizeof(message), length > 60 ? "'%.60s..' is no number" : "'%.60s' is no number",
                 text);
        complain(r, r->field_line, r->field_column, length > 0 ? message : "the field is empty");
    } else if (isinf(value) && !special) {
        complain(r, r->field_line, r->field_column, "the number is too large for f64");
    }
    return value;
}

static void take_number(reader *r)
{
    bl_csv *csv = r->csv;
    double value = number(r);
    if (r->status != BL_OK)
        return;
    if (csv->value_count == csv->value_capacity &&
        !bl__grow(&csv->context->allocator, &csv->values, &csv->value_capacity, sizeof(*csv->values))) {
        no_memory(r);
        return;
    }
    csv->values[csv->value_count++] = value;
}

static void take_name(reader *r)
{
    bl_csv *csv = r->csv;
    if (strlen(r->field) + 1 != r->length) {
        complain(r, r->field_line, r->field_column, "the name has a zero byte");
        return;
    }
    if (!bl__reserve(&csv->context->allocator, &csv->names, &csv->name_capacity, csv->name_bytes + r->length,
                     sizeof(char))) {
        no_memory(r);
        return;
    }
    memcpy(csv->names + csv->name_bytes, r->field, r->length);
    csv->name_bytes += r->length;
}

/* ---- lines ---- */

static void read_line(reader *r, void (*take)(reader *r))
{
    long long line = r->line;
    int64_t fields = 0;
    for (;;) {
        read_field(r);
        if (r->status == BL_OK)
            take(r);
        if (r->status != BL_OK)
            return;
        fields++;
        if (is_line_end(r))
            break;
        r->at++;
    }
    if (r->csv->columns == 0)
        r->csv->columns = fields;
    if (fields != r->csv->columns) {
        char message[96];
        snprintf(message, sizeof(message), "the line has %lld fields, the first one %lld", (long long)fields,
                 (long long)r->csv->columns);
        complain(r, line, 1, message);
    }
    next_line(r);
}

static void read_lines(reader *r)
{
    bool is_header = r->options.header;
    if (r->end - r->at >= 3 && memcmp(r->at, "\xef\xbb\xbf", 3) == 0)
        r->at += 3;
    while (r->at < r->end && r->status == BL_OK) {
        if (is_line_end(r)) {
            next_line(r);
            continue;
        }
        read_line(r, is_header ? take_name : take_number);
        r->csv->rows += !is_header;
        is_header = false;
    }
    if (r->csv->columns == 0 && r->status == BL_OK)
        complain(r, 1, 1, "there is nothing in the file");
}

static bool check_options(bl_context *context, const char *path, const bl_csv_options *options)
{
    if (path && options->separator != '\0' && !strchr("\"\r\n+-.0123456789eE", options->separator))
        return true;
    bl__report(context, NULL, BL_ERR_ARGUMENT, "csv_read", NULL,
               "the path is NULL, or the separator is a quote, a line's end or part of a number");
    return false;
}

/* Parses under the locale "C", of this thread alone and for the while. */
static bl_status parse(bl_csv *csv, const char *path, const bl_csv_options *options, const bl__mapping *file)
{
    const char *text = file->bytes ? (const char *)file->bytes : "";
    reader r = {.csv = csv,
                .path = path,
                .options = *options,
                .at = text,
                .end = text + file->size,
                .line_start = text,
                .line = 1};
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        no_memory(&r);
        return r.status;
    }
    locale_t before = uselocale(plain);
    read_lines(&r);
    uselocale(before);
    freelocale(plain);
    bl__release(&csv->context->allocator, r.field, r.capacity, sizeof(char));
    return r.status;
}

bl_csv *bl_csv_read(bl_context *context, const char *path, const bl_csv_options *options)
{
    const char *op = "csv_read";
    bl_csv_options chosen = options ? *options : bl_csv_defaults();
    if (!context || !check_options(context, path, &chosen))
        return NULL;
    bl_csv *csv = bl__allocate(&context->allocator, 1, sizeof(*csv));
    if (!csv) {
        bl__report(context, NULL, BL_ERR_MEMORY, op, NULL, "no memory for %s", path);
        return NULL;
    }
    csv->context = bl__context_retain(context);
    bl__mapping file;
    bl_status status = bl__map(context, op, path, &file);
    if (status == BL_OK)
        status = parse(csv, path, &chosen, &file);
    bl__unmap(&file);
    if (status == BL_OK)
        return csv;
    bl_csv_free(csv);
    return NULL;
}

void bl_csv_free(bl_csv *csv)
{
    if (!csv)
        return;
    bl_context *context = csv->context;
    bl__release(&context->allocator, csv->values, csv->value_capacity, sizeof(*csv->values));
    bl__release(&context->allocator, csv->names, csv->name_capacity, sizeof(char));
    bl__release(&context->allocator, csv, 1, sizeof(*csv));
    bl__context_release(context);
}

/* ---- looking at it ---- */

int64_t bl_csv_rows(const bl_csv *csv)
{
    return csv ? csv->rows : 0;
}

int64_t bl_csv_columns(const bl_csv *csv)
{
    return csv ? csv->columns : 0;
}

const char *bl_csv_name(const bl_csv *csv, int64_t column)
{
    if (!csv || !csv->names || column < 0 || column >= csv->columns)
        return NULL;
    const char *name = csv->names;
    while (column-- > 0)
        name += strlen(name) + 1;
    return name;
}

int64_t bl_csv_find(const bl_csv *csv, const char *name)
{
    for (int64_t i = 0; name && i < bl_csv_columns(csv); i++) {
        const char *found = bl_csv_name(csv, i);
        if (found && strcmp(found, name) == 0)
            return i;
    }
    return -1;
}

const double *bl_csv_values(const bl_csv *csv)
{
    return csv && csv->value_count > 0 ? csv->values : NULL;
}
