/* A language model on real text, trained with its embedding tied to its output layer and without. */
#include "ids.h"
#include "message.h"
#include "options.h"
#include "study.h"

#include <stdio.h>
#include <string.h>

enum {
    EXIT_RUN = 1,         /* something failed at run time */
    EXIT_USAGE = 2,       /* the command line makes no sense */
    EXIT_INTERRUPTED = 3, /* saved: the same command goes on */
};

/* The command as it was given, but for the folder of the program. */
static bool join(int argc, char **argv, characters *command)
{
    bool good = characters_append(command, "language_model", strlen("language_model"));
    for (int i = 1; i < argc && good; i++)
        good = characters_append(command, " ", 1) && characters_append(command, argv[i], strlen(argv[i]));
    return good || complain_of_memory();
}

static int run_task(const options *asked, const char *command)
{
    bl_context_options options_of_context = bl_context_defaults();
    if (asked->threads > 0)
        options_of_context.threads = asked->threads;
    bl_context *context = bl_context_new(&options_of_context);
    if (!context) {
        complain_of_memory();
        return EXIT_RUN;
    }
    int status = 0;
    if (asked->task == TASK_SAMPLE) {
        status = print_sample(asked, context) ? 0 : EXIT_RUN;
    } else {
        trained how = study(asked, command, context);
        status = how == TRAINED ? 0 : how == TRAINED_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_RUN;
    }
    bl_context_free(context);
    return status;
}

int main(int argc, char **argv)
{
    options asked;
    characters command = {NULL, 0, 0};
    parsed understood = parse_options(argc, argv, &asked);
    if (understood == PARSED_WRONG)
        return EXIT_USAGE;
    int status = 0;
    if (understood == PARSED_RUN)
        status = join(argc, argv, &command) ? run_task(&asked, command.at) : EXIT_RUN;
    characters_free(&command);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("cannot write to standard output");
        return status ? status : EXIT_RUN;
    }
    return status;
}
