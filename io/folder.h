/* The regular files below a folder. */
#ifndef DM_FOLDER_H
#define DM_FOLDER_H

#include <stddef.h>

#include "status.h"

typedef struct dm_folder {
    char **file; /* n paths in the order of names, owned */
    size_t n;
    long links; /* symbolic links, not followed: they may lead out of the folder, or round */
} dm_folder;

enum { DM_FOLDER_DEEPEST = 32 };

/* STUDY "unreadable" (a folder cannot be listed), "archive_limit" (nested deeper than DM_FOLDER_DEEPEST or more than `most`
 * files), "out_of_memory". `shown` stands for the folder in messages. Free with dm_folder_clear, also after a failure. */
dm_status dm_folder_list(const char *path, const char *shown, long most, dm_folder *out);
void dm_folder_clear(dm_folder *folder);

#endif
