/* Pictures of the files of a run, drawn by gnuplot and Graphviz where these are installed. */
#define _POSIX_C_SOURCE 200809L
#include "pictures.h"
#include "files.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

static drawn draw(const options *asked, const char *picture, const char *package, char *const *arguments)
{
    int status = run_in(asked->out, arguments);
    if (status == 0)
        return DRAWN;
    if (status == NOT_INSTALLED) {
        complain("%s is not installed (Debian: %s), so there is no %s", arguments[0], package, picture);
        return DRAWN_NOT;
    }
    complain("%s could not draw %s/%s", arguments[0], asked->out, picture);
    return DRAWN_FAILED;
}

/* A logarithmic axis where the losses of a run differ by an order of magnitude, as they do in the default
 * one. */
static const char script[] =
    "# Draws loss.png from loss.csv: gnuplot loss.gnuplot\n"
    "if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n"
    "    set terminal pngcairo size 1000,650 font ',13'\n"
    "} else {\n"
    "    set terminal png size 1000,650\n"
    "}\n"
    "set output 'loss.png'\n"
    "set datafile separator ','\n"
    "set title \"Loss with and without weight tying\\n{/*0.8 seed %" PRIu64 ", Adam, learning rate %g%s}\"\n"
    "set xlabel 'step'\n"
    "set ylabel 'mean squared error'\n"
    "stats 'loss.csv' every ::1 using 2 name 'untied' nooutput\n"
    "stats 'loss.csv' every ::1 using 3 name 'tied' nooutput\n"
    "low = untied_min < tied_min ? untied_min : tied_min\n"
    "high = untied_max > tied_max ? untied_max : tied_max\n"
    "if (low > 0 && high / low > 10) {\n"
    "    set logscale y\n"
    "    set format y '10^{%%T}'\n"
    "    set mytics 10\n"
    "}\n"
    "if (low == high) { set yrange [0:2*high] }\n"
    "set xrange [0:%" PRId64 "]\n"
    "set grid xtics ytics mytics lt 1 lc rgb '#d0d0d0', lt 1 lc rgb '#ececec'\n"
    "set border 3\n"
    "set tics nomirror\n"
    "set key top right\n"
    "plot 'loss.csv' every ::1 using 1:3 with %s lw 2.5 lc rgb '#1f77b4' title 'use weight tying', \\\n"
    "     'loss.csv' every ::1 using 1:2 with %s lw 2.5 lc rgb '#ff7f0e' title 'not use weight tying'\n";

drawn draw_losses(const options *asked)
{
    if (asked->steps == 0) {
        complain("there are no steps, so there is no loss.png");
        return DRAWN_NOT;
    }
    output out;
    if (!output_open(&out, asked->out, "loss.gnuplot"))
        return DRAWN_FAILED;
    const char *style = asked->steps < 50 ? "linespoints" : "lines";
    const char *init = asked->init == FIRST_VALUES_HEAD ? ", --init head" : "";
    fprintf(out.file, script, asked->seed, asked->lr, init, asked->steps, style, style);
    if (!output_close(&out))
        return DRAWN_FAILED;
    return draw(asked, "loss.png", "gnuplot-nox", (char *[]){"gnuplot", "loss.gnuplot", NULL});
}

drawn draw_graph(const options *asked)
{
    return draw(asked, "graph.svg", "graphviz",
                (char *[]){"dot", "-Tsvg", "graph.dot", "-o", "graph.svg", NULL});
}
