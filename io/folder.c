#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct walk {
    dm_folder *out;
    const char *shown;
    long most;
} walk;

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *d) {
    return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static dm_status push(walk *w, const char *path) {
    dm_folder *f = w->out;
    if ((long)f->n >= w->most)
        return dm_fail(DM_STUDY, "archive_limit", "%s holds more than %ld files", w->shown, w->most);
    if ((f->n & (f->n - 1)) == 0) { /* room doubles at every power of two */
        char **grown = realloc(f->file, (f->n ? 2 * f->n : 1) * sizeof *grown);
        if (!grown) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for the list of files", w->shown);
        f->file = grown;
    }
    f->file[f->n] = strdup(path);
    if (!f->file[f->n]) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for a name", w->shown);
    f->n++;
    return dm_ok;
}

static dm_status list(walk *w, const char *folder, int depth);

static dm_status visit(walk *w, const char *folder, const char *name, int depth) {
    char path[4096];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return dm_fail(DM_STUDY, "unreadable", "%s: a path in it is longer than %d characters", w->shown, (int)sizeof path - 1);
    if (lstat(path, &st) != 0)
        return dm_fail(DM_STUDY, "unreadable", "%s: a file in it cannot be looked at: %s", w->shown, strerror(errno));
    if (S_ISDIR(st.st_mode)) return list(w, path, depth + 1);
    if (S_ISREG(st.st_mode)) return push(w, path);
    w->out->links += S_ISLNK(st.st_mode);
    return dm_ok;
}

static dm_status list(walk *w, const char *folder, int depth) {
    if (depth > DM_FOLDER_DEEPEST)
        return dm_fail(DM_STUDY, "archive_limit", "%s: folders nested deeper than %d", w->shown, DM_FOLDER_DEEPEST);
    struct dirent **names;
    int n = scandir(folder, &names, not_dots, by_name);
    if (n < 0) return dm_fail(DM_STUDY, "unreadable", "%s: cannot list the folder: %s", w->shown, strerror(errno));
    dm_status status = dm_ok;
    for (int i = 0; i < n; i++) {
        if (dm_good(status)) status = visit(w, folder, names[i]->d_name, depth);
        free(names[i]);
    }
    free(names);
    return status;
}

dm_status dm_folder_list(const char *path, const char *shown, long most, dm_folder *out) {
    walk w = {out, shown, most};
    *out = (dm_folder){0};
    return list(&w, path, 0);
}

void dm_folder_clear(dm_folder *folder) {
    for (size_t i = 0; i < folder->n; i++) free(folder->file[i]);
    free(folder->file);
    *folder = (dm_folder){0};
}
