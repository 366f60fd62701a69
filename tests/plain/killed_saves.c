/* Saves that are killed (SIGKILL) at random moments: afterwards there is the file of the save before or of
 * the one that was under way, whole, never a mixture; then the same of a sharded set. Goes on for 1000 kills,
 * or as many as fit into 10 seconds; BOWLINE_KILLS sets another number, without a limit of time. */
#define _XOPEN_SOURCE 700 /* nanosleep, mkdtemp */
#include "bowline/bowline.h"
#include "support/counts.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    COUNT = 20000, /* values: the file takes several writes */
    LEAST = 20     /* kills, however slow the disk is */
};

typedef struct model {
    bl_context *context;
    bl_params *params;
    bl_parameter *weight, *version;
} model;

static model make(void)
{
    model m = {.context = bl_context_new(NULL)};
    m.params = bl_params_new(m.context);
    m.weight = bl_params_add(m.params, "weight", BL_F32, BL_SHAPE(COUNT), bl_init_zeros(), NULL);
    m.version = bl_params_add_buffer(m.params, "version", BL_I64, BL_SCALAR);
    bl_params_register(m.params, "tied", m.weight);
    return m;
}

static void destroy(model *m)
{
    bl_params_free(m->params);
    bl_context_free(m->context);
}

static bool save(model *m, int64_t version, const char *path)
{
    static float values[COUNT];
    bl_save_options options = bl_save_defaults();
    options.file.max_shard_bytes =
        COUNT; /* where the path is an index: the values and the version stand apart */
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)version;
    return bl_parameter_write(m->weight, values, sizeof(values)) == BL_OK &&
           bl_parameter_write(m->version, &version, sizeof(version)) == BL_OK &&
           bl_params_save(m->params, path, &options) == BL_OK;
}

/* The version of the file, -1 when it is not whole. */
static int64_t version_of(model *m, const char *path)
{
    int64_t version;
    const float *values = bl_parameter_data(m->weight);
    if (bl_params_load(m->params, path, NULL) != BL_OK) {
        fprintf(stderr, "killed_saves: %s\n", bl_params_error(m->params)->message);
        return -1;
    }
    memcpy(&version, bl_parameter_data(m->version), sizeof(version));
    for (int i = 0; i < COUNT; i++) {
        if (values[i] != (float)version)
            return -1;
    }
    return version;
}

/* Saves versions from `first` on, until it is killed. */
static void child(int64_t first, const char *path)
{
    model m = make();
    for (int64_t version = first;; version++) {
        if (!save(&m, version, path))
            _exit(1);
    }
}

/* Removes the temporary files that a killed save left over: how many, of which there are at most the
 * new file and the second name of the old one. With `all` every other file too. */
static int clean(const char *folder, bool all)
{
    int count = 0;
    char path[600];
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        bool temporary = strstr(entry->d_name, ".tmp.");
        snprintf(path, sizeof(path), "%s/%.255s", folder, entry->d_name);
        if (temporary || all)
            count += unlink(path) == 0 && temporary;
    }
    if (opened)
        closedir(opened);
    return count;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One child, killed after `nanoseconds`. False when it came to its end before, by an error. */
static bool kill_one(int64_t first, const char *path, long nanoseconds)
{
    int state;
    const struct timespec pause = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    fflush(NULL);
    pid_t started = fork();
    if (started == 0)
        child(first, path);
    nanosleep(&pause, NULL);
    return started > 0 && kill(started, SIGKILL) == 0 && waitpid(started, &state, 0) == started &&
           WIFSIGNALED(state);
}

static bool run(model *m, const char *folder, const char *path, long kills, double limit)
{
    double begun = seconds(), span = 0;
    int64_t version = 0;
    long done = 0, replaced = 0, torn = 0;
    unsigned random = 1;
    for (int i = 0; i < 5; i++) {
        double before = seconds();
        if (!save(m, ++version, path))
            return false;
        span = seconds() - before; /* of a save */
    }
    /* A child has to begin first: some are killed before they save, most while they do. */
    for (; done < kills && (done < LEAST || limit == 0 || seconds() - begun < limit); done++) {
        random = random * 1664525u + 1013904223u;
        double moment = (0.0005 + 4 * span) * (random >> 8) / (1 << 24);
        if (!kill_one(version + 1, path, (long)(1e9 * moment)))
            return false;
        int left = clean(folder, false);
        int64_t found = version_of(m, path);
        if (found < version || left > 2) {
            fprintf(stderr, "killed_saves: version %lld after %lld, %d files left over\n", (long long)found,
                    (long long)version, left);
            return false;
        }
        torn += left > 0;
        replaced += found > version;
        version = found;
    }
    printf("%s: %ld kills, %ld in the middle of a save, %ld after another file had taken its place\n", path,
           done, torn, replaced);
    counts_add("killed_saves", done);
    return torn > 0;
}

int main(void)
{
    const char *asked = getenv("BOWLINE_KILLS"), *base = getenv("TMPDIR");
    char folder[300], path[340];
    long kills = asked ? strtol(asked, NULL, 10) : 1000;
    snprintf(folder, sizeof(folder), "%.255s/bowline-kills-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    model m = make();
    snprintf(path, sizeof(path), "%s/model", folder);
    bool good = run(&m, folder, path, kills, asked ? 0 : 10);
    snprintf(path, sizeof(path), "%s/model.index.json", folder);
    good = good && run(&m, folder, path, kills / 5, asked ? 0 : 4);
    destroy(&m);
    clean(folder, true);
    rmdir(folder);
    return !good;
}
