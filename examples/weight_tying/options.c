/* The command line: what can be asked for, and one clear line where that makes no sense. */
#include "options.h"
#include "message.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two floats a step are kept in memory and a line a step is written. */
#define STEPS_MOST 10000000
#define SEEDS_MOST 1000000

static const char help[] =
    "Trains one small model twice, with the embedding and the output layer tied and untied,\n"
    "and compares the losses.\n"
    "\n"
    "usage: weight_tying [options]\n"
    "\n"
    "  --steps N          updates of each model, 0 to 10000000 (2000)\n"
    "  --seed S           seed of the first parameters, 0 or more (0)\n"
    "  --lr X             learning rate of Adam, 0 or more (0.001)\n"
    "  --init torch|head  where the untied embedding begins: as PyTorch's nn.Embedding, normal (torch),\n"
    "                     or in the distribution of the output layer's weight, uniform (torch)\n"
    "  --seeds K          afterwards run the seeds S to S+K-1 and count how often tying was ahead,\n"
    "                     1 to 1000000\n"
    "  --out DIR          folder of the files, made if need be (out/weight_tying)\n"
    "  --save FILE        afterwards keep both models and Adam's state in a safetensors file\n"
    "  --load FILE        go on from such a file: --steps more, with its learning rate unless --lr is given\n"
    "  --no-plot          draw no pictures: no loss.png, no graph.svg\n"
    "  --quiet            print only the essentials\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0, 1 when something fails at run time, 2 for a mistake on the command line.\n";

/* A whole number in decimal digits, from low to high. */
static bool whole_number(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    errno = 0;
    char *end = NULL;
    uintmax_t value = isdigit((unsigned char)text[0]) ? strtoumax(text, &end, 10) : 0;
    if (!end || *end != '\0' || errno == ERANGE || value < low || value > high) {
        complain("--%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'", option, low, high,
                 text);
        return false;
    }
    *out = value;
    return true;
}

static bool learning_rate(const char *text, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || isspace((unsigned char)text[0]) || !isfinite(value) ||
        signbit(value)) {
        complain("--lr wants a finite number that is not negative, such as 0.001, not '%s'", text);
        return false;
    }
    *out = value;
    return true;
}

static bool initial_values(const char *text, first_values *out)
{
    if (strcmp(text, "torch") == 0) {
        *out = FIRST_VALUES_TORCH;
    } else if (strcmp(text, "head") == 0) {
        *out = FIRST_VALUES_HEAD;
    } else {
        complain("--init wants torch or head, not '%s'", text);
        return false;
    }
    return true;
}

/* The name of a file or a folder. */
static bool place(const char *option, const char *kind, const char *text, const char **out)
{
    if (text[0] == '\0') {
        complain("--%s wants the name of a %s, not ''", option, kind);
        return false;
    }
    *out = text;
    return true;
}

static bool take(int option, const char *value, options *out)
{
    uint64_t number = 0;
    bool good = true;
    switch (option) {
    case 's':
        good = whole_number("steps", value, 0, STEPS_MOST, &number);
        out->steps = (int64_t)number;
        return good;
    case 'S':
        return whole_number("seed", value, 0, UINT64_MAX, &out->seed);
    case 'k':
        good = whole_number("seeds", value, 1, SEEDS_MOST, &number);
        out->seeds = (int64_t)number;
        return good;
    case 'l':
        out->lr_given = true;
        return learning_rate(value, &out->lr);
    case 'i':
        return initial_values(value, &out->init);
    case 'o':
        return place("out", "folder", value, &out->out);
    case 'L':
        return place("load", "file", value, &out->load);
    case 'w':
        return place("save", "file", value, &out->save);
    case 'p':
        out->plot = false;
        return true;
    default: /* 'q' */
        out->quiet = true;
        return true;
    }
}

parsed parse_options(int argc, char **argv, options *out)
{
    static const struct option known[] = {
        {"steps", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'S'},
        {"lr", required_argument, NULL, 'l'},    {"out", required_argument, NULL, 'o'},
        {"seeds", required_argument, NULL, 'k'}, {"init", required_argument, NULL, 'i'},
        {"load", required_argument, NULL, 'L'},  {"save", required_argument, NULL, 'w'},
        {"no-plot", no_argument, NULL, 'p'},     {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    *out = (options){.steps = 2000, .lr = 0.001, .out = "out/weight_tying", .plot = true};
    opterr = 0; /* the lines are this file's */
    for (;;) {
        /* Where an option stands by itself, `optind` is its place before the call. */
        int place = optind;
        int option = getopt_long(argc, argv, "+:", known, NULL);
        if (option == -1)
            break;
        if (option == 'h') {
            fputs(help, stdout);
            return PARSED_HELP;
        }
        if (option == ':' || option == '?') {
            complain(option == ':' ? "%s wants a value (--help lists the options)"
                                   : "unknown option %s (--help lists the options)",
                     argv[place]);
            return PARSED_WRONG;
        }
        if (!take(option, optarg, out))
            return PARSED_WRONG;
    }
    if (optind < argc) {
        complain("'%s' is no option (--help lists the options)", argv[optind]);
        return PARSED_WRONG;
    }
    if (out->seeds > 0 && out->steps == 0) {
        complain("--seeds compares losses, so it needs at least 1 step");
        return PARSED_WRONG;
    }
    if (out->seeds > 0 && out->seed > UINT64_MAX - (uint64_t)(out->seeds - 1)) {
        complain("--seed %" PRIu64 " and the %" PRId64 " seeds of --seeds leave the range of seeds",
                 out->seed, out->seeds);
        return PARSED_WRONG;
    }
    return PARSED_RUN;
}
