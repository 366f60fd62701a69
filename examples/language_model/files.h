/* Folders, paths and files that are written whole. Each function says on stderr what went wrong. */
#ifndef LANGUAGE_MODEL_FILES_H
#define LANGUAGE_MODEL_FILES_H

#include <stdbool.h>
#include <stdio.h>

enum {
    PATH_MOST = 4096
};

/* FOLDER/NAME. Returns false when that is too long. */
bool path_join(char path[PATH_MOST], const char *folder, const char *name);

/* Whether there is a file of that name that is no folder. */
bool file_exists(const char *path);

/* Makes a folder and those above it, where they do not exist, and sees whether it can be written to. */
bool make_folder(const char *path);

/* Removes the files of a folder that were being written when a process was killed: NAME.tmp.NUMBERS, which
 * are the library's, and NAME.draft. Nobody else may be writing there. */
void remove_drafts(const char *folder);

/* A file that is being written under another name. */
typedef struct output {
    FILE *file;
    char path[PATH_MOST], draft[PATH_MOST];
} output;

/* Opens a file for writing. After true, output_close ends it: true when everything was written, reached the
 * disk, and stands under its name. What stood there before is replaced then and not before. */
bool output_open(output *opened, const char *path);
bool output_close(output *opened);

#endif
