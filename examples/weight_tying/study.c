/* The study: the same comparison for many seeds, by measures of how fast the loss falls. */
#include "study.h"
#include "files.h"
#include "message.h"
#include "statistics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The loss at 500, 1000 and 2000 steps, as far as the runs go, and last the mean of the run. */
enum {
    MEASURES_MOST = 4
};
static const int64_t milestones[MEASURES_MOST - 1] = {500, 1000, 2000};

typedef struct results {
    const options *asked;
    int milestone_count;
    /* values[measure][model][run] */
    double *values[MEASURES_MOST][MODELS];
} results;

static int measure_count(const results *found)
{
    return found->milestone_count + 1;
}

static void results_free(results *found)
{
    for (int i = 0; i < MEASURES_MOST; i++)
        for (int m = 0; m < MODELS; m++)
            free(found->values[i][m]);
}

static bool results_make(results *found, const options *asked)
{
    *found = (results){.asked = asked};
    while (found->milestone_count < MEASURES_MOST - 1 && milestones[found->milestone_count] <= asked->steps)
        found->milestone_count++;
    for (int i = 0; i < measure_count(found); i++)
        for (int m = 0; m < MODELS; m++)
            if (!(found->values[i][m] = malloc((size_t)asked->seeds * sizeof(double)))) {
                results_free(found);
                return false;
            }
    return true;
}

/* A run that diverged has no number to compare: it counts as infinitely high. */
static double comparable(double loss)
{
    return isnan(loss) ? INFINITY : loss;
}

/* The loss at N steps is that of step N, or of the last one, N - 1, where the run ends there. */
static void measure(results *found, int64_t run, const history *losses)
{
    for (int m = 0; m < MODELS; m++) {
        for (int i = 0; i < found->milestone_count; i++) {
            int64_t step = milestones[i] < losses->steps ? milestones[i] : losses->steps - 1;
            found->values[i][m][run] = comparable((double)losses->loss[m][step]);
        }
        double sum = 0;
        for (int64_t step = 0; step < losses->steps; step++)
            sum += (double)losses->loss[m][step];
        found->values[found->milestone_count][m][run] = comparable(sum / (double)losses->steps);
    }
}

static void write_heading(FILE *file, const results *found)
{
    fputs("seed", file);
    for (int i = 0; i < found->milestone_count; i++)
        for (int m = 0; m < MODELS; m++)
            fprintf(file, ",%s_%" PRId64, model_names[m], milestones[i]);
    for (int m = 0; m < MODELS; m++)
        fprintf(file, ",%s_mean", model_names[m]);
    fputc('\n', file);
}

static void write_row(FILE *file, const results *found, int64_t run)
{
    fprintf(file, "%" PRIu64, found->asked->seed + (uint64_t)run);
    for (int i = 0; i < measure_count(found); i++)
        for (int m = 0; m < MODELS; m++)
            fprintf(file, ",%.9g", found->values[i][m][run]);
    fputc('\n', file);
}

/* Trains every seed and writes its row. */
static bool run_all(results *found, bl_context *context, history *losses, FILE *file)
{
    const options *asked = found->asked;
    bl_status status = BL_OK;
    progress line = progress_begin(!asked->quiet);
    for (int64_t run = 0; run < asked->seeds && status == BL_OK; run++) {
        progress_show(&line, "seeds", run, asked->seeds);
        experiment one;
        status = experiment_make(&one, context, asked->seed + (uint64_t)run, asked->init, asked->lr);
        if (status == BL_OK)
            status = train(&one, losses, NULL);
        experiment_free(&one);
        if (status == BL_OK) {
            measure(found, run, losses);
            write_row(file, found, run);
        }
    }
    progress_end(&line);
    if (status != BL_OK)
        complain_of_library(context, "the study stopped");
    return status == BL_OK;
}

/* One line of the table. The medians come last because they sort the values. */
static void print_measure(const char *name, double *const values[MODELS], int64_t runs)
{
    int64_t lower[MODELS] = {0, 0};
    for (int64_t run = 0; run < runs; run++) {
        lower[TIED] += values[TIED][run] < values[UNTIED][run];
        lower[UNTIED] += values[UNTIED][run] < values[TIED][run];
    }
    char share[32];
    snprintf(share, sizeof share, "%" PRId64 " (%.1f %%)", lower[TIED],
             100 * (double)lower[TIED] / (double)runs);
    printf("  %-16s %14s %13" PRId64 " %14.6g %12.6g %9.2g\n", name, share, lower[UNTIED],
           median(values[UNTIED], (size_t)runs), median(values[TIED], (size_t)runs),
           sign_test(lower[TIED], lower[UNTIED]));
}

static void print_table(const results *found)
{
    const options *asked = found->asked;
    printf("Study: seeds %" PRIu64 " to %" PRIu64 ", %" PRId64 " steps each, learning rate %g%s\n",
           asked->seed, asked->seed + (uint64_t)(asked->seeds - 1), asked->steps, asked->lr,
           asked->init == FIRST_VALUES_HEAD ? ", --init head" : "");
    printf("  %-16s %14s %13s %14s %12s %9s\n", "loss", "tied lower", "untied lower", "median untied",
           "median tied", "p");
    for (int i = 0; i < measure_count(found); i++) {
        char name[32] = "mean of the run";
        if (i < found->milestone_count)
            snprintf(name, sizeof name, "at %" PRId64 " steps", milestones[i]);
        print_measure(name, found->values[i], asked->seeds);
    }
    if (!asked->quiet)
        puts("p: two-sided sign test, the probability of a split at least as uneven if either model were\n"
             "lower as often as the other; equal losses are left out of it.");
}

bool study(const options *asked, bl_context *context)
{
    results found;
    history losses;
    output out;
    if (!results_make(&found, asked)) {
        complain("out of memory for %" PRId64 " seeds", asked->seeds);
        return false;
    }
    bool good = false;
    if (!history_make(&losses, asked->steps)) {
        complain("out of memory for %" PRId64 " steps", asked->steps);
    } else {
        if (output_open(&out, asked->out, "study.csv")) {
            write_heading(out.file, &found);
            good = run_all(&found, context, &losses, out.file);
            good = output_close(&out) && good;
        }
        history_free(&losses);
    }
    if (good)
        print_table(&found);
    results_free(&found);
    return good;
}
