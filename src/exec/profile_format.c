/* Profiles as a table. */
#include "bowline/profile.h"
#include "exec/program.h"
#include "graph/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

/* The lines of the instructions and the commit, in their order. */
static size_t fill_lines(const bl_program *p, bl__profile_line *lines)
{
    size_t count = p->instruction_count + 1;
    for (size_t i = 0; i < count; i++) {
        bl_profile_record record = bl_profile_instruction(p, i);
        const bl_instruction_info *info = &record.instruction;
        lines[i] = (bl__profile_line){.op = info->op,
                                      .index = i,
                                      .count = 1,
                                      .least = (double)record.least,
                                      .flops = (double)info->flops,
                                      .bytes = (double)info->bytes_read + (double)info->bytes_written};
        if (record.runs > 0)
            lines[i].nanoseconds = (double)record.nanoseconds / (double)record.runs;
    }
    return count;
}

/* Adds up neighbouring lines of one op; how many lines are left. */
static size_t merge_lines(bl__profile_line *lines, size_t count)
{
    size_t left = 0;
    for (size_t i = 1; i < count; i++) {
        bl__profile_line *to = &lines[left];
        if (strcmp(to->op, lines[i].op) != 0) {
            lines[++left] = lines[i];
            continue;
        }
        to->count += lines[i].count;
        to->nanoseconds += lines[i].nanoseconds;
        to->least += lines[i].least;
        to->flops += lines[i].flops;
        to->bytes += lines[i].bytes;
    }
    return left + 1;
}

static int compare_indices(const bl__profile_line *a, const bl__profile_line *b)
{
    return (a->index > b->index) - (a->index < b->index);
}

static int compare_ops(const void *left, const void *right)
{
    const bl__profile_line *a = left, *b = right;
    int order = strcmp(a->op, b->op);
    return order ? order : compare_indices(a, b);
}

static int compare_times(const void *left, const void *right)
{
    const bl__profile_line *a = left, *b = right;
    int order = (a->nanoseconds < b->nanoseconds) - (a->nanoseconds > b->nanoseconds);
    return order ? order : compare_indices(a, b);
}

/* ---- text ---- */

/* A number with so many digits behind the dot, whatever the locale's, right-aligned; a dash for 0 of work. */
static void add_fixed(bl__text *text, int width, int digits, double value)
{
    long long scale = 1, scaled;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    scaled = llround(fmin(value, 1e12) * (double)scale);
    width = width > digits ? width - digits - 1 : 0;
    bl__text_add(text, "%*lld.%0*lld", width, scaled / scale, digits, scaled % scale);
}

static void add_rate(bl__text *text, double work, double nanoseconds)
{
    if (work > 0 && nanoseconds > 0)
        add_fixed(text, 9, 2, work / nanoseconds);
    else
        bl__text_add(text, "%9s", "-");
}

static void add_numbers(bl__text *text, const bl__profile_line *line, double total)
{
    add_fixed(text, 12, 3, line->nanoseconds / 1000);
    add_fixed(text, 12, 3, line->least / 1000);
    add_fixed(text, 8, 1, total > 0 ? 100 * line->nanoseconds / total : 0);
    add_rate(text, line->flops, line->nanoseconds);
    add_rate(text, line->bytes, line->nanoseconds);
}

static void add_heading(bl__text *text, const char *count, const char *name)
{
    bl__text_add(text, "%12s%12s%8s%9s%9s%8s  %s\n", "us/run", "least", "share%", "GFLOP/s", "GB/s", count,
                 name);
}

static void add_instruction(bl__text *text, const bl_program *p, const bl__profile_line *line)
{
    bl_instruction_info info = bl_program_instruction(p, line->index);
    bl__text_add(text, "%8zu  %s", line->index, info.op);
    if (line->index < p->instruction_count) {
        const bl__operand *output = p->instructions[line->index].call.outputs[0];
        bl__text_add(text, " %s ", bl_dtype_name((bl_dtype)output->dtype));
        bl__text_shape(text, bl_shape_of(output->rank, output->size));
    }
    if (info.scope)
        bl__text_add(text, "  in %s", info.scope);
    if (info.label)
        bl__text_add(text, "  (%s)", info.label);
    bl__text_add(text, "\n");
}

static void add_run(bl__text *text, const bl_program *p, double total)
{
    bl_profile_record run = bl_profile_run(p);
    bl__text_add(text, "%lld runs", (long long)run.runs);
    if (run.runs > 0) {
        bl__text_add(text, ", ");
        add_fixed(text, 0, 3, 1e-3 * (double)run.nanoseconds / (double)run.runs);
        bl__text_add(text, " us each, the least ");
        add_fixed(text, 0, 3, 1e-3 * (double)run.least);
        bl__text_add(text, "; ");
        add_fixed(text, 0, 3, 1e-3 * total);
        bl__text_add(text, " us in %zu instructions and the commit", p->instruction_count);
    }
    bl__text_add(text, "\n");
}

size_t bl_profile_format(const bl_program *program, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    if (size > 0)
        text[0] = '\0';
    if (!program || !program->head.valid || !program->profile.timings) {
        bl__text_add(&out, "no profile\n");
        return out.length;
    }
    bl__profile_line *lines = program->profile.lines;
    size_t count = fill_lines(program, lines), ops;
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += lines[i].nanoseconds;
    add_run(&out, program, total);
    qsort(lines, count, sizeof(*lines), compare_ops);
    ops = merge_lines(lines, count);
    qsort(lines, ops, sizeof(*lines), compare_times);
    bl__text_add(&out, "\n");
    add_heading(&out, "count", "op");
    for (size_t i = 0; i < ops; i++) {
        add_numbers(&out, &lines[i], total);
        bl__text_add(&out, "%8zu  %s\n", lines[i].count, lines[i].op);
    }
    bl__text_add(&out, "\n");
    add_heading(&out, "number", "instruction");
    fill_lines(program, lines);
    qsort(lines, count, sizeof(*lines), compare_times);
    for (size_t i = 0; i < count; i++) {
        add_numbers(&out, &lines[i], total);
        add_instruction(&out, program, &lines[i]);
    }
    return out.length;
}
