/* The subscripts of einsum: reading them, and comparing them with the operands. */
#include "graph/text.h"
#include "ops/einsum.h"
#include "ops/rules.h"

#include <stdio.h>

/* ---- reading ---- */

static bl__einsum_end wrong(bl__einsum_reader *reader, const char *problem)
{
    reader->problem = problem;
    return BL__EINSUM_WRONG;
}

/* 0..51 for A..Z, a..z; -1 for anything else. */
static int label_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static char letter_of(int label)
{
    return (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

/* Takes a word from the text if it stands there. */
static bool take(bl__einsum_reader *reader, const char *word)
{
    size_t length = 0;
    for (; word[length]; length++) {
        if (reader->text[reader->at + length] != word[length])
            return false;
    }
    reader->at += length;
    return true;
}

bl__einsum_end bl__einsum_read(bl__einsum_reader *reader, bl__einsum_term *term)
{
    *term = (bl__einsum_term){.before = -1};
    for (;; reader->at++) {
        char c = reader->text[reader->at];
        int label = label_of(c);
        if (c == '\0')
            return BL__EINSUM_END;
        if (c == ' ')
            continue;
        if (label >= 0) {
            if (term->count == BL_MAX_RANK)
                return wrong(reader, "a term names more axes than a tensor has");
            term->label[term->count++] = label;
        } else if (c == '.' && term->before >= 0)
            return wrong(reader, "a term has a second ellipsis");
        else if (take(reader, "...")) {
            term->before = term->count;
            reader->at--;
        } else if (take(reader, ","))
            return BL__EINSUM_COMMA;
        else if (take(reader, "->"))
            return BL__EINSUM_ARROW;
        else
            return wrong(reader, c == '.'   ? "an ellipsis has three dots"
                                 : c == '-' ? "an arrow is \"->\""
                                            : "neither a letter, a comma, \"...\" nor \"->\"");
    }
}

bool bl__einsum_axes_of(const bl__einsum_term *term, int rank, bl__einsum_axes *axes)
{
    int covered = rank - term->count; /* by the ellipsis */
    *axes = (bl__einsum_axes){.count = rank};
    if (covered < 0 || rank > BL_MAX_RANK || (covered > 0 && term->before < 0))
        return false;
    int letter = 0, axis = 0;
    while (axis < rank) {
        if (letter == term->before) {
            for (int left = covered; left > 0; left--)
                axes->label[axis++] = BL__EINSUM_LETTERS + left - 1;
        }
        if (letter < term->count)
            axes->label[axis++] = term->label[letter];
        letter++;
    }
    return true;
}

/* ---- binding ---- */

/* What to call a label in a message. */
static const char *name_of(int label, char text[40])
{
    if (label < BL__EINSUM_LETTERS)
        snprintf(text, 40, "'%c'", letter_of(label));
    else
        snprintf(text, 40, "axis %d of the ellipsis", BL__EINSUM_LETTERS - label - 1);
    return text;
}

/* Reports a problem at a place of the text. */
static bl_status refuse(bl_infer_call *call, const char *text, size_t at, const char *problem)
{
    if (text[at] == '\0')
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "\"%.100s\", at its end: %s", text, problem);
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "\"%.100s\", character %zu, at \"%.20s\": %s", text, at + 1,
                         text + at, problem);
}

/* Takes in the axes of operand `index`, which its term names. */
static bl_status bind_operand(bl_infer_call *call, size_t index, const bl__einsum_term *term,
                              bl__einsum *einsum)
{
    bl_shape shape = bl__shape_in(call, index);
    int64_t own[BL__EINSUM_LABELS];
    bl__einsum_axes axes;
    char name[40];
    if (!bl__einsum_axes_of(term, shape.rank, &axes))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the term of operand %zu names %d axes%s, but that is %s",
                             index + 1, term->count, term->before < 0 ? "" : " and an ellipsis",
                             BL__SHAPE_TEXT(shape));
    if (term->before >= 0 && shape.rank - term->count > einsum->ellipsis)
        einsum->ellipsis = shape.rank - term->count;
    for (int l = 0; l < BL__EINSUM_LABELS; l++)
        own[l] = -1;
    for (int d = 0; d < axes.count; d++) {
        int label = axes.label[d];
        int64_t *size = &einsum->size[label], here = shape.size[d];
        bool repeated = own[label] >= 0;
        if ((repeated && own[label] != here) || (*size > 1 && here != 1 && here != *size) ||
            (*size == 0 && here > 1))
            return bl_infer_fail(call, BL_ERR_SHAPE, "%s is %lld before and %lld in operand %zu, %s",
                                 name_of(label, name), (long long)(repeated ? own[label] : *size),
                                 (long long)here, index + 1, BL__SHAPE_TEXT(shape));
        own[label] = here;
        *size = *size == -1 || *size == 1 ? here : *size;
        einsum->times[label]++;
    }
    return BL_OK;
}

/* Without an arrow: the ellipsis, then the letters named once, in the alphabet's order. */
static bl_status imply_output(bl_infer_call *call, const char *text, bl__einsum *einsum)
{
    bl__einsum_term term = {.before = 0};
    for (int l = 0; l < BL__EINSUM_LETTERS; l++) {
        if (einsum->times[l] != 1)
            continue;
        if (term.count + einsum->ellipsis == BL_MAX_RANK)
            return bl_infer_fail(call, BL_ERR_SHAPE, "the output of \"%.100s\" has more than %d axes", text,
                                 BL_MAX_RANK);
        term.label[term.count++] = l;
    }
    bl__einsum_axes_of(&term, term.count + einsum->ellipsis, &einsum->output);
    return BL_OK;
}

/* Where the letter `index` of a term stands that was read from `at` on. */
static size_t place_of(const char *text, size_t at, int index)
{
    for (;; at++) {
        if (label_of(text[at]) >= 0 && index-- == 0)
            return at;
    }
}

static bl_status read_output(bl_infer_call *call, bl__einsum_reader *reader, bl__einsum *einsum)
{
    bl__einsum_term term;
    size_t start = reader->at;
    bl__einsum_end end = bl__einsum_read(reader, &term);
    if (end == BL__EINSUM_COMMA || end == BL__EINSUM_ARROW) {
        reader->at -= end == BL__EINSUM_COMMA ? 1 : 2;
        reader->problem = "the output is one term";
    }
    if (end != BL__EINSUM_END)
        return refuse(call, reader->text, reader->at, reader->problem);
    for (int i = 0; i < term.count; i++) {
        size_t place = place_of(reader->text, start, i);
        if (einsum->times[term.label[i]] == 0)
            return refuse(call, reader->text, place, "no operand has this index");
        for (int k = 0; k < i; k++) {
            if (term.label[k] == term.label[i])
                return refuse(call, reader->text, place, "the output has this index twice");
        }
    }
    int covered = term.before < 0 ? 0 : einsum->ellipsis;
    if (!bl__einsum_axes_of(&term, term.count + covered, &einsum->output))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the output of \"%.100s\" has more than %d axes",
                             reader->text, BL_MAX_RANK);
    return BL_OK;
}

bl_status bl__einsum_bind(bl_infer_call *call, const char *subscripts, bl__einsum *einsum)
{
    bl__einsum_reader reader = {.text = subscripts};
    bl__einsum_end end = BL__EINSUM_COMMA;
    size_t terms = 0;
    *einsum = (bl__einsum){.ellipsis = 0};
    for (int l = 0; l < BL__EINSUM_LABELS; l++)
        einsum->size[l] = -1;
    for (; end == BL__EINSUM_COMMA; terms++) {
        bl__einsum_term term;
        end = bl__einsum_read(&reader, &term);
        if (end == BL__EINSUM_WRONG)
            return refuse(call, subscripts, reader.at, reader.problem);
        bl_status status = BL_OK;
        if (terms < call->input_count)
            status = bind_operand(call, terms, &term, einsum);
        if (status != BL_OK)
            return status;
    }
    if (terms != call->input_count)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "\"%.100s\" has terms for %zu operands, not %zu",
                             subscripts, terms, call->input_count);
    return end == BL__EINSUM_ARROW ? read_output(call, &reader, einsum)
                                   : imply_output(call, subscripts, einsum);
}
