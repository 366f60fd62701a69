/* The files of a run and the folder that they go to. */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* Makes the folders of a path one after the other, cutting the copy at each '/'. Returns 0 or an errno. */
static int make_folders(char *path)
{
    for (char *cut = path + 1;; cut++) {
        if (*cut != '/' && *cut != '\0')
            continue;
        char kept = *cut;
        *cut = '\0';
        int code = mkdir(path, 0777) == 0 || is_folder(path) ? 0 : errno;
        *cut = kept;
        if (code != 0 || kept == '\0')
            return code;
    }
}

bool make_folder(const char *path)
{
    char *copy = strdup(path);
    int code = copy ? make_folders(copy) : ENOMEM;
    free(copy);
    if (code == 0 && access(path, W_OK | X_OK) != 0)
        code = errno;
    if (code != 0)
        complain("cannot make the folder %s, or not write to it: %s", path, strerror(code));
    return code == 0;
}

bool output_open(output *opened, const char *folder, const char *name)
{
    size_t size = strlen(folder) + 1 + strlen(name) + 1;
    *opened = (output){.path = malloc(size)};
    if (!opened->path) {
        complain("out of memory");
        return false;
    }
    snprintf(opened->path, size, "%s/%s", folder, name);
    opened->file = fopen(opened->path, "w");
    if (opened->file)
        return true;
    complain("cannot write %s: %s", opened->path, strerror(errno));
    free(opened->path);
    return false;
}

bool output_close(output *opened)
{
    errno = 0;
    bool good = !ferror(opened->file);
    good = fclose(opened->file) == 0 && good;
    if (!good)
        complain("cannot write %s: %s", opened->path, errno ? strerror(errno) : "the file refuses the text");
    free(opened->path);
    return good;
}

bool write_losses(const char *folder, const history *losses)
{
    output out;
    if (!output_open(&out, folder, "loss.csv"))
        return false;
    fputs("step,untied,tied\n", out.file);
    for (int64_t step = 0; step < losses->steps; step++)
        fprintf(out.file, "%" PRId64 ",%.9g,%.9g\n", losses->first + step, (double)losses->loss[UNTIED][step],
                (double)losses->loss[TIED][step]);
    return output_close(&out);
}

bool write_graph(const char *folder, const model *drawn)
{
    output out;
    if (!output_open(&out, folder, "graph.dot"))
        return false;
    bl_tensor *const step[] = {drawn->loss, drawn->update};
    bl_status status = bl_draw_dot(step, 2, drawn->params, out.file);
    if (status != BL_OK && status != BL_ERR_IO) /* that one output_close tells */
        complain("cannot draw the graph: %s", bl_status_text(status));
    return output_close(&out) && status == BL_OK;
}
