/* What the runs of a folder have in common, as a file. */
#include "settings.h"
#include "files.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A key, and the number that stands for it: whole or real. */
typedef struct entry {
    const char *key;
    int64_t whole;
    double real;
    bool is_real;
} entry;

enum {
    ENTRIES_MOST = 40
};

/* The one list of keys, walked through to note their values, or to take them. */
typedef struct walk {
    entry *at;
    bool reading;
} walk;

static void whole(walk *on, const char *key, int64_t *value)
{
    if (on->reading)
        *value = on->at->whole;
    else
        *on->at = (entry){.key = key, .whole = *value};
    on->at++;
}

static void real(walk *on, const char *key, double *value)
{
    if (on->reading)
        *value = on->at->real;
    else
        *on->at = (entry){.key = key, .real = *value, .is_real = true};
    on->at++;
}

static void walk_over(walk *on, settings *s)
{
    int64_t kind = s->tokens.kind, body_kind = s->model.body, optimizer = s->training.optimizer;
    int64_t summed = s->training.sum_over_length;
    whole(on, "text_bytes", &s->text_bytes);
    whole(on, "text_hash", &s->text_hash);
    whole(on, "tokenizer", &kind);
    whole(on, "most_tokens", &s->tokens.tokens);
    whole(on, "least", &s->tokens.least);
    whole(on, "model", &body_kind);
    whole(on, "vocabulary", &s->model.vocabulary);
    whole(on, "width", &s->model.width);
    whole(on, "hidden", &s->model.hidden);
    whole(on, "layers", &s->model.layers);
    whole(on, "heads", &s->model.heads);
    whole(on, "context", &s->model.context);
    real(on, "init", &s->model.init);
    real(on, "dropout", &s->model.dropout);
    real(on, "penalty", &s->model.penalty);
    whole(on, "optimizer", &optimizer);
    real(on, "lr", &s->training.lr);
    real(on, "clip", &s->training.clip);
    whole(on, "batch", &s->training.batch);
    whole(on, "length", &s->training.length);
    whole(on, "epochs", &s->training.epochs);
    whole(on, "accumulate", &s->training.accumulate);
    whole(on, "sum_over_length", &summed);
    whole(on, "decay_after", &s->training.decay_after);
    real(on, "decay", &s->training.decay);
    whole(on, "warm_up", &s->training.warm_up);
    real(on, "weight_decay", &s->training.weight_decay);
    whole(on, "patience", &s->training.patience);
    s->tokens.kind = kind == TOKENIZER_BPE ? TOKENIZER_BPE : TOKENIZER_WORDS;
    s->model.body = body_kind == BODY_GPT ? BODY_GPT : BODY_LSTM;
    s->training.optimizer = optimizer == OPTIMIZER_ADAMW ? OPTIMIZER_ADAMW : OPTIMIZER_SGD;
    s->training.sum_over_length = summed != 0;
}

static int entries_of(const settings *s, entry list[ENTRIES_MOST])
{
    settings copy = *s;
    walk on = {.at = list};
    walk_over(&on, &copy);
    return (int)(on.at - list);
}

int64_t hash_of(const char *bytes, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return (int64_t)(hash >> 1);
}

static void format_value(const entry *shown, char *text, size_t size)
{
    if (shown->is_real)
        snprintf(text, size, "%.17g", shown->real);
    else
        snprintf(text, size, "%" PRId64, shown->whole);
}

bool settings_save(const settings *saved, const char *path)
{
    entry list[ENTRIES_MOST];
    output out;
    if (!output_open(&out, path))
        return false;
    int count = entries_of(saved, list);
    for (int i = 0; i < count; i++) {
        char value[40];
        format_value(&list[i], value, sizeof value);
        fprintf(out.file, "%s %s\n", list[i].key, value);
    }
    return output_close(&out);
}

static bool read_entry(FILE *file, entry *read)
{
    char key[32], value[48], *end = NULL;
    if (fscanf(file, "%31s %47s", key, value) != 2 || strcmp(key, read->key) != 0)
        return false;
    if (read->is_real)
        read->real = strtod(value, &end);
    else
        read->whole = strtoimax(value, &end, 10);
    return end != value && *end == '\0';
}

bool settings_load(settings *out, const char *path)
{
    entry list[ENTRIES_MOST];
    *out = (settings){.text_bytes = 0};
    FILE *file = fopen(path, "r");
    if (!file)
        return complain("cannot read %s: %s", path, strerror(errno));
    int count = entries_of(out, list);
    bool good = true;
    for (int i = 0; i < count && good; i++)
        good = read_entry(file, &list[i]);
    fclose(file);
    if (good) {
        walk on = {.at = list, .reading = true};
        walk_over(&on, out);
    }
    const char *wrong = good ? model_options_wrong(&out->model) : "it is cut off, or of another version";
    return !wrong || complain("%s is no file of settings: %s", path, wrong);
}

bool settings_equal(const settings *a, const settings *b, char *different, size_t size)
{
    entry left[ENTRIES_MOST], right[ENTRIES_MOST];
    int count = entries_of(a, left);
    entries_of(b, right);
    for (int i = 0; i < count; i++) {
        bool same = left[i].is_real ? left[i].real == right[i].real : left[i].whole == right[i].whole;
        if (same)
            continue;
        char one[40], other[40];
        format_value(&left[i], one, sizeof one);
        format_value(&right[i], other, sizeof other);
        snprintf(different, size, "%s is %s, not %s", left[i].key, one, other);
        return false;
    }
    return true;
}
