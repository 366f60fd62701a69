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

static const char help[] =
    "Trains a language model on real text with its embedding tied to its output layer and without,\n"
    "and reports which foretells the text better. What was interrupted goes on where it stopped.\n"
    "\n"
    "usage: language_model [options]\n"
    "\n"
    "What is run; by default untied and tied, one seed, on a part of the text, in minutes:\n"
    "  --study            untied, tied and tied-projection, 3 seeds, 200000 words, 6 epochs\n"
    "  --full             the papers' protocol on all of the text: 3 seeds, 13 epochs (lstm-medium: 39)\n"
    "  --sample           draw text from a run of --out instead: the first of --models, of --seed\n"
    "  --models LIST      of untied, tied, tied-projection, separated by commas\n"
    "  --seed S           of the first run, 0 or more (1)\n"
    "  --seeds K          runs of each model, 1 to 1000\n"
    "\n"
    "The text:\n"
    "  --text FILE        any text in UTF-8 (the King James Bible, by the program bible)\n"
    "  --words N          only the first N words of it; 0: all\n"
    "  --tokenizer KIND   words or bpe (words for an LSTM, bpe for the GPT)\n"
    "  --vocabulary N     tokens at most, 2 to 1000000 (5000; --full: 10000)\n"
    "  --least N          times that a word has to occur, or it is <unk> (2; --study, --full: 1)\n"
    "\n"
    "The model:\n"
    "  --model KIND       lstm, lstm-medium or gpt (lstm)\n"
    "  --width N          of an embedding; tied to a body of another width, it has a projection\n"
    "  --hidden N         of the body (as --width)\n"
    "  --layers N         1 to 64\n"
    "  --heads N          of attention in the GPT; they divide --hidden\n"
    "  --context N        positions of the GPT, and the length of what it is trained on\n"
    "  --dropout P        0 or more, below 1\n"
    "\n"
    "Training:\n"
    "  --epochs N         times through the text\n"
    "  --batch N          rows of a batch\n"
    "  --length N         tokens of a row, and steps that an LSTM's gradient goes back\n"
    "  --accumulate N     batches that make one update (1)\n"
    "  --optimizer KIND   sgd or adamw\n"
    "  --lr X             learning rate, above 0\n"
    "  --clip X           largest norm of the gradient; 0: any\n"
    "  --decay-after N    sgd: epochs after which each divides the learning rate\n"
    "  --decay X          sgd: by what, 1 or more\n"
    "  --warm-up N        adamw: updates until the full rate, from where it falls by half a cosine\n"
    "  --weight-decay X   adamw: 0 or more\n"
    "  --penalty X        tied-projection: the factor of the projection's norm (0.15)\n"
    "  --patience N       stop when validation has not got better for N epochs; 0: never (0)\n"
    "  --save-every N     updates between savings of the state (200)\n"
    "\n"
    "Samples and words:\n"
    "  --import FILE      with --sample: from a GPT-2 in safetensors as Hugging Face has it, which needs\n"
    "  --merges FILE      the merges.txt beside it; --heads where they are not 64 wide\n"
    "  --prompt TEXT      what a sample goes on from\n"
    "  --tokens N         of a sample (100)\n"
    "  --temperature X    0: always the likeliest token (1)\n"
    "  --top-k N          draw from the N likeliest; 0: from all (0)\n"
    "  --top-p X          draw from the likeliest that together are as likely as this (1)\n"
    "  --neighbours LIST  words whose neighbours the report has, separated by commas\n"
    "\n"
    "  --out DIR          folder of the files, made if need be (out/language_model for --study; short or\n"
    "                     full in it for others, and for another --model study-gpt and so on)\n"
    "  --threads N        0: as many as there are CPUs (0)\n"
    "  --no-plot          draw no pictures\n"
    "  --quiet            print only the essentials\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0, 1 when something fails at run time, 2 for a mistake on the command line, 3 when\n"
    "interrupted and saved (run the same command again to go on).\n";

/* ---- options that are a number or a text ---- */

/* A whole number in decimal digits, from low to high. */
static bool whole_number(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    errno = 0;
    char *end = NULL;
    uintmax_t value = isdigit((unsigned char)text[0]) ? strtoumax(text, &end, 10) : 0;
    if (!end || *end != '\0' || errno == ERANGE || value < low || value > high)
        return complain("--%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'", option, low,
                        high, text);
    *out = value;
    return true;
}

static bool real_number(const char *option, const char *text, double low, double high, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || isspace((unsigned char)text[0]) || !(value >= low && value <= high))
        return complain("--%s wants a number from %g to %g, not '%s'", option, low, high, text);
    *out = value;
    return true;
}

/* The place of a text in a list that NULL ends; -1 when it is not there. */
static int place_in(const char *const *list, const char *text, size_t size)
{
    for (int i = 0; list[i]; i++)
        if (strlen(list[i]) == size && memcmp(list[i], text, size) == 0)
            return i;
    return -1;
}

static bool choice(const char *option, const char *const *list, const char *listed, const char *text,
                   int *out)
{
    int place = place_in(list, text, strlen(text));
    if (place < 0)
        return complain("--%s wants %s, not '%s'", option, listed, text);
    *out = place;
    return true;
}

static bool choose_models(const char *text, bool wanted[TYINGS])
{
    static const char *const names[] = {"untied", "tied", "tied-projection", NULL};
    memset(wanted, 0, TYINGS * sizeof *wanted);
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        int place = place_in(names, at, size);
        if (place < 0)
            return complain("--models wants some of untied,tied,tied-projection, not '%s'", text);
        wanted[place] = true;
        at += size;
        if (*at == '\0')
            return true;
    }
}

/* Where the value of a plain option goes. */
typedef struct plain {
    const char *name;
    double low, high;
    int64_t *whole; /* one of the three */
    double *real;
    const char **text;
} plain;

enum {
    PLAIN_MOST = 48
};

static int plain_options(options *o, plain list[PLAIN_MOST])
{
    const double many = 1e12;
    const plain all[] = {
        {"seeds", 1, 1000, &o->seeds, NULL, NULL},
        {"words", 0, many, &o->words, NULL, NULL},
        {"vocabulary", 2, 1000000, &o->tokens.tokens, NULL, NULL},
        {"least", 1, many, &o->tokens.least, NULL, NULL},
        {"width", 1, 1 << 20, &o->model.width, NULL, NULL},
        {"hidden", 1, 1 << 20, &o->model.hidden, NULL, NULL},
        {"layers", 1, LAYERS_MOST, &o->model.layers, NULL, NULL},
        {"heads", 1, 1 << 20, &o->model.heads, NULL, NULL},
        {"context", 1, 1 << 20, &o->model.context, NULL, NULL},
        {"dropout", 0, 0.999, NULL, &o->model.dropout, NULL},
        {"penalty", 0, 1e5, NULL, &o->model.penalty, NULL},
        {"epochs", 1, 100000, &o->training.epochs, NULL, NULL},
        {"batch", 1, 1 << 20, &o->training.batch, NULL, NULL},
        {"length", 1, 1 << 20, &o->training.length, NULL, NULL},
        {"accumulate", 1, 1 << 20, &o->training.accumulate, NULL, NULL},
        {"lr", 1e-30, 1e6, NULL, &o->training.lr, NULL},
        {"clip", 0, 1e30, NULL, &o->training.clip, NULL},
        {"decay-after", 0, 100000, &o->training.decay_after, NULL, NULL},
        {"decay", 1, 1e6, NULL, &o->training.decay, NULL},
        {"warm-up", 0, many, &o->training.warm_up, NULL, NULL},
        {"weight-decay", 0, 1e6, NULL, &o->training.weight_decay, NULL},
        {"patience", 0, 100000, &o->training.patience, NULL, NULL},
        {"save-every", 1, many, &o->training.save_every, NULL, NULL},
        {"tokens", 1, 10000000, &o->length, NULL, NULL},
        {"temperature", 0, 1e6, NULL, &o->sampling.temperature, NULL},
        {"top-k", 0, 1 << 30, &o->sampling.top_k, NULL, NULL},
        {"top-p", 0, 1, NULL, &o->sampling.top_p, NULL},
        {"text", 0, 0, NULL, NULL, &o->text},
        {"import", 0, 0, NULL, NULL, &o->import},
        {"merges", 0, 0, NULL, NULL, &o->merges},
        {"out", 0, 0, NULL, NULL, &o->out},
        {"prompt", 0, 0, NULL, NULL, &o->prompt},
        {"neighbours", 0, 0, NULL, NULL, &o->neighbours},
    };
    int count = (int)(sizeof all / sizeof *all);
    memcpy(list, all, sizeof all);
    return count;
}

static bool take_plain(const plain *option, const char *value)
{
    uint64_t number = 0;
    if (option->text) {
        *option->text = value;
        return value[0] != '\0' || complain("--%s wants a value, not ''", option->name);
    }
    if (option->real)
        return real_number(option->name, value, option->low, option->high, option->real);
    if (!whole_number(option->name, value, (uint64_t)option->low, (uint64_t)option->high, &number))
        return false;
    *option->whole = (int64_t)number;
    return true;
}

/* ---- what stands for several ---- */

typedef enum model_kind {
    MODEL_LSTM,
    MODEL_LSTM_MEDIUM,
    MODEL_GPT
} model_kind;

typedef enum amount {
    AMOUNT_SHORT,
    AMOUNT_STUDY,
    AMOUNT_FULL
} amount;

/* What a model is trained with where nothing else is said. */
static void set_model(options *o, model_kind kind)
{
    o->tokens.kind = kind == MODEL_GPT ? TOKENIZER_BPE : TOKENIZER_WORDS;
    if (kind == MODEL_GPT) {
        o->model = model_gpt();
        o->training = training_adamw();
    } else if (kind == MODEL_LSTM_MEDIUM) {
        o->model = model_medium_lstm();
        o->training = training_medium_lstm();
    } else {
        o->model = model_small_lstm();
        o->training = training_small_lstm();
    }
}

static void set_amount(options *o, amount how_much, model_kind kind)
{
    o->wanted[TYING_UNTIED] = o->wanted[TYING_TIED] = true;
    o->seeds = 1;
    o->words = 100000;
    o->tokens.tokens = 5000;
    if (how_much == AMOUNT_SHORT) {
        o->tokens.least = 2;
        o->training.epochs = kind == MODEL_LSTM_MEDIUM ? 3 : 6;
        return;
    }
    o->tokens.least = 1; /* the bound of the vocabulary is what cuts off */
    o->wanted[TYING_TIED_PROJECTION] = true;
    o->seeds = 3;
    o->words = how_much == AMOUNT_STUDY ? 200000 : 0;
    if (how_much == AMOUNT_STUDY)
        o->training.epochs = 6;
    else
        o->tokens.tokens = 10000;
}

/* The folder of an amount and a model where none is asked for, so that each has its own. */
static const char *usual_folder(amount how_much, model_kind kind)
{
    static const char *const folders[3][3] = {
        {"out/language_model/short", "out/language_model/short-lstm-medium", "out/language_model/short-gpt"},
        {"out/language_model", "out/language_model/study-lstm-medium", "out/language_model/study-gpt"},
        {"out/language_model/full", "out/language_model/full-lstm-medium", "out/language_model/full-gpt"},
    };
    return folders[how_much][kind];
}

/* ---- the walk over the arguments ---- */

enum {
    OPTION_HELP = 'h',
    OPTION_STUDY = 's',
    OPTION_FULL = 'f',
    OPTION_SAMPLE = 'd',
    OPTION_NO_PLOT = 'p',
    OPTION_QUIET = 'q',
    OPTION_MODELS = 'M',
    OPTION_MODEL = 'm',
    OPTION_TOKENIZER = 't',
    OPTION_OPTIMIZER = 'o',
    OPTION_SEED = 'S',
    OPTION_THREADS = 'T',
    OPTION_PLAIN = 256 /* and the option's place behind it */
};

typedef struct walk {
    options *o;
    bool presets; /* the first time: what stands for several options; the second time: the others */
    amount how_much;
    int kind;
    plain list[PLAIN_MOST];
} walk;

static bool take_preset(walk *on, int option, const char *value)
{
    static const char *const kinds[] = {"lstm", "lstm-medium", "gpt", NULL};
    if (option == OPTION_STUDY)
        on->how_much = AMOUNT_STUDY;
    else if (option == OPTION_FULL)
        on->how_much = AMOUNT_FULL;
    else if (option == OPTION_MODEL)
        return choice("model", kinds, "lstm, lstm-medium or gpt", value, &on->kind);
    return true;
}

static bool take(walk *on, int option, const char *value)
{
    static const char *const tokenizers[] = {"words", "bpe", NULL}, *const optimizers[] = {"sgd", "adamw",
                                                                                           NULL};
    options *o = on->o;
    uint64_t number = 0;
    int chosen = 0;
    bool good = true;
    switch (option) {
    case OPTION_SAMPLE:
        o->task = TASK_SAMPLE;
        return true;
    case OPTION_NO_PLOT:
        o->plot = false;
        return true;
    case OPTION_QUIET:
        o->quiet = true;
        return true;
    case OPTION_MODELS:
        return choose_models(value, o->wanted);
    case OPTION_TOKENIZER:
        good = choice("tokenizer", tokenizers, "words or bpe", value, &chosen);
        o->tokens.kind = (tokenizer_kind)chosen;
        return good;
    case OPTION_OPTIMIZER:
        good = choice("optimizer", optimizers, "sgd or adamw", value, &chosen);
        o->training.optimizer = (optimizer_kind)chosen;
        return good;
    case OPTION_SEED:
        return whole_number("seed", value, 0, INT64_MAX, &o->seed);
    case OPTION_THREADS:
        good = whole_number("threads", value, 0, 1024, &number);
        o->threads = (int)number;
        return good;
    default:
        return option < OPTION_PLAIN || take_plain(&on->list[option - OPTION_PLAIN], value);
    }
}

static parsed walk_over(walk *on, int argc, char **argv, const struct option *known)
{
    optind = 1;
    opterr = 0; /* the lines are this file's */
    for (;;) {
        /* Where an option stands by itself, `optind` is its place before the call. */
        int place = optind;
        int option = getopt_long(argc, argv, "+:", known, NULL);
        if (option == -1)
            break;
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            return PARSED_HELP;
        }
        if (option == ':' || option == '?') {
            complain(option == ':' ? "%s wants a value (--help lists the options)"
                                   : "unknown option %s (--help lists the options)",
                     argv[place]);
            return PARSED_WRONG;
        }
        if (!(on->presets ? take_preset(on, option, optarg) : take(on, option, optarg)))
            return PARSED_WRONG;
    }
    if (optind == argc)
        return PARSED_RUN;
    complain("'%s' is no option (--help lists the options)", argv[optind]);
    return PARSED_WRONG;
}

static parsed walk_twice(walk *on, int argc, char **argv)
{
    struct option known[PLAIN_MOST + 16] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"study", no_argument, NULL, OPTION_STUDY},
        {"full", no_argument, NULL, OPTION_FULL},
        {"sample", no_argument, NULL, OPTION_SAMPLE},
        {"no-plot", no_argument, NULL, OPTION_NO_PLOT},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"models", required_argument, NULL, OPTION_MODELS},
        {"model", required_argument, NULL, OPTION_MODEL},
        {"tokenizer", required_argument, NULL, OPTION_TOKENIZER},
        {"optimizer", required_argument, NULL, OPTION_OPTIMIZER},
        {"seed", required_argument, NULL, OPTION_SEED},
        {"threads", required_argument, NULL, OPTION_THREADS},
    };
    int plain_count = plain_options(on->o, on->list), count = 12;
    for (int i = 0; i < plain_count; i++)
        known[count++] = (struct option){on->list[i].name, required_argument, NULL, OPTION_PLAIN + i};
    parsed understood = walk_over(on, argc, argv, known);
    if (understood != PARSED_RUN)
        return understood;
    set_model(on->o, (model_kind)on->kind);
    set_amount(on->o, on->how_much, (model_kind)on->kind);
    on->o->model.width = on->o->model.hidden = on->o->model.heads =
        0; /* so that one asked for tells the other */
    on->presets = false;
    return walk_over(on, argc, argv, known);
}

/* What one option leaves to another. */
static void fill_in(options *o, int64_t usual_width, int64_t usual_heads)
{
    if (o->model.width == 0)
        o->model.width = o->model.hidden ? o->model.hidden : usual_width;
    if (o->model.hidden == 0)
        o->model.hidden = o->model.width;
    o->import_heads = o->model.heads;
    if (o->model.heads == 0)
        o->model.heads = usual_heads;
    if (o->training.length == 0)
        o->training.length = o->model.context;
}

static bool makes_sense(const options *o)
{
    model_options with_vocabulary = o->model;
    with_vocabulary.vocabulary = o->tokens.tokens;
    const char *wrong = model_options_wrong(&with_vocabulary);
    if (wrong)
        return complain("%s", wrong);
    if ((o->import != NULL) != (o->merges != NULL) || (o->import && o->task != TASK_SAMPLE))
        return complain("--import goes with --merges and --sample");
    if (o->tokens.kind == TOKENIZER_BPE && o->tokens.tokens < BPE_BYTES)
        return complain("--vocabulary of bpe is 256 or more: it begins with the bytes");
    if (o->model.body == BODY_GPT && o->training.length > o->model.context)
        return complain("--length %" PRId64 " is more than the %" PRId64 " positions of --context",
                        o->training.length, o->model.context);
    if (o->training.batch > INT64_MAX / 8 / o->training.length / o->training.accumulate)
        return complain("--batch times --length is too much");
    return true;
}

parsed parse_options(int argc, char **argv, options *out)
{
    *out = (options){.seed = 1, .length = 100, .sampling = {.temperature = 1, .top_p = 1}, .plot = true};
    walk on = {.o = out, .presets = true};
    parsed understood = walk_twice(&on, argc, argv);
    if (understood != PARSED_RUN)
        return understood;
    model_options usual = on.kind == MODEL_GPT           ? model_gpt()
                          : on.kind == MODEL_LSTM_MEDIUM ? model_medium_lstm()
                                                         : model_small_lstm();
    fill_in(out, usual.width, usual.heads);
    if (!out->out)
        out->out = usual_folder(on.how_much, (model_kind)on.kind);
    return makes_sense(out) ? PARSED_RUN : PARSED_WRONG;
}
