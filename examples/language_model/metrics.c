/* metrics.csv. */
#define _POSIX_C_SOURCE 200809L
#include "metrics.h"
#include "files.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char heading[] =
    "step,epoch,tokens,lr,loss,perplexity,gradient_norm,validation_loss,validation_perplexity,seconds\n";

/* Copies the lines up to a step. */
static void copy_lines(FILE *from, FILE *to, int64_t step)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;
    while ((size = getline(&line, &room, from)) > 0) {
        char *end = NULL;
        int64_t own = strtoimax(line, &end, 10);
        if (end != line && *end == ',' && line[size - 1] == '\n' && own <= step)
            fputs(line, to);
    }
    free(line);
}

FILE *metrics_open(const char *folder, int64_t step)
{
    char path[PATH_MOST];
    output out;
    if (!path_join(path, folder, "metrics.csv"))
        return NULL;
    FILE *before = step > 0 ? fopen(path, "r") : NULL;
    bool good = output_open(&out, path);
    if (good) {
        fputs(heading, out.file);
        if (before)
            copy_lines(before, out.file, step);
        good = output_close(&out);
    }
    if (before)
        fclose(before);
    FILE *file = good ? fopen(path, "a") : NULL;
    if (good && !file)
        complain("cannot write %s: %s", path, strerror(errno));
    return file;
}

bool metrics_add(FILE *file, const metrics_line *line)
{
    fprintf(file, "%" PRId64 ",%.4f,%" PRId64 ",%.9g,%.9g,%.9g,%.9g,", line->step, line->epoch, line->tokens,
            line->lr, line->loss, exp(line->loss), line->norm);
    if (!isnan(line->validation))
        fprintf(file, "%.17g,%.9g", line->validation, exp(line->validation));
    else
        fputc(',', file);
    fprintf(file, ",%.1f\n", line->seconds);
    return (fflush(file) == 0 && !ferror(file)) || complain("cannot write metrics.csv");
}
