/* Folders, paths and files that are written whole. */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "message.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool path_join(char path[PATH_MOST], const char *folder, const char *name)
{
    int size = snprintf(path, PATH_MOST, "%s/%s", folder, name);
    return (size > 0 && size < PATH_MOST) || complain("the name of the folder is too long: %s", folder);
}

bool file_exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

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
    return code == 0 || complain("cannot make the folder %s, or not write to it: %s", path, strerror(code));
}

static bool is_draft(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strstr(name, ".safetensors.tmp.") || (dot && strcmp(dot, ".draft") == 0);
}

void remove_drafts(const char *folder)
{
    char path[PATH_MOST];
    DIR *opened = opendir(folder);
    struct dirent *entry = NULL;
    while (opened && (entry = readdir(opened)))
        if (is_draft(entry->d_name) && path_join(path, folder, entry->d_name))
            remove(path);
    if (opened)
        closedir(opened);
}

bool output_open(output *opened, const char *path)
{
    int size = snprintf(opened->path, sizeof opened->path, "%s", path);
    int draft_size = snprintf(opened->draft, sizeof opened->draft, "%s.draft", path);
    if (size < 0 || draft_size < 0 || draft_size >= PATH_MOST)
        return complain("the name of a file is too long: %s", path);
    opened->file = fopen(opened->draft, "wb");
    return opened->file || complain("cannot write %s: %s", opened->draft, strerror(errno));
}

bool output_close(output *opened)
{
    errno = 0;
    bool good = fflush(opened->file) == 0 && !ferror(opened->file) && fsync(fileno(opened->file)) == 0;
    int code = errno;
    if (fclose(opened->file) != 0 && good) {
        good = false;
        code = errno;
    }
    if (good && rename(opened->draft, opened->path) != 0) {
        good = false;
        code = errno;
    }
    if (good)
        return true;
    remove(opened->draft);
    return complain("cannot write %s: %s", opened->path, code ? strerror(code) : "the file refuses the text");
}
