/* Pictures of the curves of runs, drawn by gnuplot where it is installed. */
#define _POSIX_C_SOURCE 200809L
#include "pictures.h"
#include "files.h"
#include "message.h"
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NOT_STARTED = 126,
    NOT_INSTALLED = 127
};

/* Starts a program inside a folder, so that no file name needs quoting, and waits for it. Returns its exit
 * status, NOT_INSTALLED, or NOT_STARTED. */
static int run_in(const char *folder, char *const *arguments)
{
    fflush(NULL); /* what is buffered would otherwise be written twice */
    pid_t child = fork();
    if (child < 0)
        return NOT_STARTED;
    if (child == 0) {
        if (chdir(folder) == 0)
            execvp(arguments[0], arguments);
        _exit(errno == ENOENT || errno == EACCES ? NOT_INSTALLED : NOT_STARTED);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return NOT_STARTED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_STARTED;
}

/* The field of a line of metrics.csv; empty when there is none. */
static void field(const char *line, int number, char *value, size_t size)
{
    for (; number > 0 && line; number--) {
        line = strchr(line, ',');
        line += line != NULL;
    }
    size_t length = line ? strcspn(line, ",\n") : 0;
    snprintf(value, size, "%.*s", (int)length, line ? line : "");
}

/* The points of one column of a run over its tokens, as a block of data; lines without it are left out. */
static bool write_block(FILE *to, const char *out, const curve *run, const char *name, int number, int column)
{
    char folder[PATH_MOST], path[PATH_MOST], *line = NULL;
    size_t room = 0;
    int points = 0;
    FILE *from = NULL;
    if (run_folder(folder, out, run->how, run->seed) && path_join(path, folder, "metrics.csv"))
        from = fopen(path, "r");
    fprintf(to, "$%s%d << END\n", name, number);
    while (from && getline(&line, &room, from) > 0) {
        char tokens[32], value[48];
        field(line, 2, tokens, sizeof tokens);
        field(line, column, value, sizeof value);
        if (tokens[0] < '0' || tokens[0] > '9' || value[0] < '0' || value[0] > '9')
            continue;
        fprintf(to, "%s %s\n", tokens, value);
        points++;
    }
    fputs("END\n", to);
    free(line);
    if (from)
        fclose(from);
    return points > 0;
}

static const char *const colours[TYINGS] = {"#ff7f0e", "#1f77b4", "#2ca02c"};

/* One picture of all runs that have points. */
static void write_plot(FILE *to, const char *name, const char *picture, const char *label, const char *style,
                       const curve *curves, const bool *shown, int count)
{
    bool named[TYINGS] = {false};
    const char *lead = "plot ";
    fprintf(to, "set output '%s'\nset ylabel '%s'\n", picture, label);
    for (int i = 0; i < count; i++) {
        tying how = curves[i].how;
        if (!shown[i])
            continue;
        fprintf(to, "%s$%s%d using ($1/1e6):2 with %s lw 2 lc rgb '%s' ", lead, name, i, style, colours[how]);
        fprintf(to, named[how] ? "notitle" : "title '%s'", tying_names[how]);
        named[how] = true;
        lead = ", \\\n     ";
    }
    fputs("\n", to);
}

static const char preamble[] = "# Draws loss.png and perplexity.png: gnuplot curves.gnuplot\n"
                               "if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n"
                               "    set terminal pngcairo size 1000,650 font ',13'\n"
                               "} else {\n"
                               "    set terminal png size 1000,650\n"
                               "}\n"
                               "set xlabel 'tokens learned from, in millions'\n"
                               "set xrange [0:*]\n"
                               "set grid xtics ytics mytics lt 1 lc rgb '#d0d0d0', lt 1 lc rgb '#ececec'\n"
                               "set border 3\n"
                               "set tics nomirror\n"
                               "set key top right\n";

/* For perplexities, which may all lie within one power of ten. */
static const char logarithmic[] =
    "set logscale y\n"
    "set yrange [*:*] noextend\n"
    "set ytics (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, "
    "70, 80, 90, 100, 120, 140, 160, 180, 200, 250, 300, 350, 400, 500, 600, 700, 800, 1000, 1500, 2000, "
    "3000, 5000, 10000)\n";

drawn draw_curves(const char *out, const curve *curves, int count)
{
    char path[PATH_MOST];
    output script;
    bool *loss = calloc(2 * (size_t)count + 1, sizeof *loss), *validation = loss + count;
    if (!loss || !path_join(path, out, "curves.gnuplot") || !output_open(&script, path)) {
        free(loss);
        return DRAWN_FAILED;
    }
    bool any = false, any_validation = false;
    fputs(preamble, script.file);
    for (int i = 0; i < count; i++) {
        loss[i] = write_block(script.file, out, &curves[i], "loss", i, 4);
        validation[i] = write_block(script.file, out, &curves[i], "validation", i, 8);
        any = any || loss[i];
        any_validation = any_validation || validation[i];
    }
    if (any)
        write_plot(script.file, "loss", "loss.png", "loss of training, nats a token", "lines", curves, loss,
                   count);
    if (any_validation)
        fputs(logarithmic, script.file);
    if (any_validation)
        write_plot(script.file, "validation", "perplexity.png", "perplexity of validation",
                   "linespoints pt 7 ps 0.7", curves, validation, count);
    free(loss);
    if (!output_close(&script))
        return DRAWN_FAILED;
    int status = any ? run_in(out, (char *[]){"gnuplot", "curves.gnuplot", NULL}) : 0;
    if (status == NOT_INSTALLED) {
        complain("gnuplot is not installed (Debian: gnuplot-nox), so there are no pictures");
        return DRAWN_NOT;
    }
    if (status != 0) {
        complain("gnuplot could not draw the pictures of %s", out);
        return DRAWN_FAILED;
    }
    return any && any_validation ? DRAWN : DRAWN_NOT;
}
