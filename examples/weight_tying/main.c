/* The weight-tying experiment: one model, trained with its embedding tied to its output layer and without. */
#include "checkpoint.h"
#include "files.h"
#include "message.h"
#include "options.h"
#include "pictures.h"
#include "report.h"
#include "study.h"
#include "train.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    EXIT_RUN = 1,  /* something failed at run time */
    EXIT_USAGE = 2 /* the command line makes no sense */
};

static bl_status train_and_report(const options *asked, experiment *made, history *losses)
{
    bl_status status = asked->quiet ? BL_OK : report_models(asked, made, losses->first);
    if (status != BL_OK)
        return status;
    fflush(stdout); /* the progress line goes to stderr and comes after */
    progress line = progress_begin(!asked->quiet);
    status = train(made, losses, &line);
    progress_end(&line);
    if (status != BL_OK)
        return status;
    if (!asked->quiet)
        return report_training(made, losses);
    report_in_short(asked, made, losses);
    return BL_OK;
}

/* Writes what the run gave and names the files. All are tried, whatever fails. */
static bool write_files(const options *asked, const experiment *trained, const history *losses)
{
    bool csv = write_losses(asked->out, losses);
    bool dot = write_graph(asked->out, &trained->models[TIED]);
    drawn png = csv && asked->plot ? draw_losses(asked) : DRAWN_NOT;
    drawn svg = dot && asked->plot ? draw_graph(asked) : DRAWN_NOT;
    if (!asked->quiet)
        printf("Written to %s:%s%s%s%s\n", asked->out, csv ? " loss.csv" : "",
               png == DRAWN ? " loss.gnuplot loss.png" : "", dot ? " graph.dot" : "",
               svg == DRAWN ? " graph.svg" : "");
    return csv && dot && png != DRAWN_FAILED && svg != DRAWN_FAILED;
}

/* Goes on from a file, where the command line asks for that. */
static bl_status load(const options *asked, experiment *made, history *losses)
{
    bl_status status = asked->load ? experiment_load(made, asked->load, &losses->first) : BL_OK;
    for (int i = 0; i < MODELS && status == BL_OK && asked->load && asked->lr_given; i++)
        status = bl_optimizer_set_lr(made->models[i].adam, asked->lr);
    return status;
}

static bool save(const options *asked, const experiment *made, bl_context *context)
{
    if (!asked->save)
        return true;
    if (experiment_save(made, asked->save) != BL_OK) {
        complain_of_library(context, "the state cannot be saved");
        return false;
    }
    if (!asked->quiet)
        printf("Saved to %s\n", asked->save);
    return true;
}

/* The run of one seed, printed and written. */
static bool one_run(const options *asked, bl_context *context)
{
    history losses;
    if (!history_make(&losses, asked->steps)) {
        complain("out of memory for %" PRId64 " steps", asked->steps);
        return false;
    }
    experiment made;
    bool good = false;
    bl_status status = experiment_make(&made, context, asked->seed, asked->init, asked->lr);
    if (status == BL_OK)
        status = load(asked, &made, &losses);
    if (status == BL_OK)
        status = train_and_report(asked, &made, &losses);
    if (status == BL_OK)
        good = write_files(asked, &made, &losses);
    else
        complain_of_library(context, "the run failed");
    if (status == BL_OK)
        good = save(asked, &made, context) && good;
    experiment_free(&made);
    history_free(&losses);
    return good;
}

int main(int argc, char **argv)
{
    options asked;
    parsed understood = parse_options(argc, argv, &asked);
    if (understood == PARSED_WRONG)
        return EXIT_USAGE;

    bool good = true;
    if (understood == PARSED_RUN) {
        good = make_folder(asked.out);
        bl_context *context = good ? bl_context_new(NULL) : NULL;
        if (good && !context)
            complain("out of memory");
        good = context && one_run(&asked, context);
        if (good && asked.seeds > 0) {
            if (!asked.quiet)
                putchar('\n');
            good = study(&asked, context);
        }
        bl_context_free(context);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("cannot write to standard output");
        good = false;
    }
    return good ? 0 : EXIT_RUN;
}
