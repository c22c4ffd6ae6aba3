/* From roots to sources. */
#include "plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container.h"
#include "folder.h"
#include "pseudonym.h"

enum { MOST_FILES = 1 << 24, PATH_SIZE = 4096 };

typedef struct finder {
    dm_plan *plan;
    dm_plan_notes *notes;
    int depth; /* of the options */
    int room;
} finder;

typedef enum file_kind { NO_SOURCE, ARCHIVE, DICOM_FILE } file_kind;

static int ends_in_one_of(const char *name, const char *const *endings) {
    size_t n = strlen(name);
    for (; *endings; endings++) {
        size_t k = strlen(*endings);
        if (n > k && !strcasecmp(name + n - k, *endings)) return 1;
    }
    return 0;
}

/* By name first: an archive that is damaged from its first byte on is a source too, and has its row. */
static file_kind kind_of(const char *path) {
    static const char *const archives[] = {".zip", ".7z",  ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2",
                                           ".xz",  ".zst", ".iso", ".nii", NULL};
    static const char *const dicom[] = {".dcm", ".dicom", ".ima", NULL};
    if (ends_in_one_of(path, archives)) return ARCHIVE;
    if (ends_in_one_of(path, dicom)) return DICOM_FILE;
    dm_container c = dm_container_of_file(path);
    return c == DM_LONE_DICOM ? DICOM_FILE : c == DM_NO_CONTAINER ? NO_SOURCE : ARCHIVE;
}

static void take_change(dm_planned *p, const struct stat *st) {
    p->files++;
    p->bytes += (uint64_t)st->st_size;
    int later = st->st_mtim.tv_sec > p->changed_s || (st->st_mtim.tv_sec == p->changed_s && st->st_mtim.tv_nsec > p->changed_ns);
    if (!later) return;
    p->changed_s = st->st_mtim.tv_sec;
    p->changed_ns = st->st_mtim.tv_nsec;
}

void dm_plan_look(dm_planned *p) {
    struct stat st;
    p->files = 0;
    p->bytes = 0;
    p->changed_s = 0;
    p->changed_ns = 0;
    p->unreadable = access(p->path, p->is_folder ? R_OK | X_OK : R_OK) != 0;
    if (!p->is_folder) {
        if (stat(p->path, &st) == 0) take_change(p, &st);
        return;
    }
    dm_folder f;
    p->unreadable |= !dm_good(dm_folder_list(p->path, "", MOST_FILES, &f));
    for (size_t i = 0; i < f.n; i++) {
        if (lstat(f.file[i], &st) == 0) take_change(p, &st);
        p->unreadable |= access(f.file[i], R_OK) != 0;
    }
    dm_folder_clear(&f);
}

static dm_status no_memory(void) {
    return dm_fail(DM_FATAL, "out_of_memory", "no memory for the list of sources");
}

static dm_status push(finder *f, const char *path, int is_folder) {
    dm_plan *plan = f->plan;
    if (plan->n == f->room) {
        int room = f->room ? 2 * f->room : 256;
        dm_planned *grown = realloc(plan->source, (size_t)room * sizeof *grown);
        if (!grown) return no_memory();
        plan->source = grown;
        f->room = room;
    }
    dm_planned *p = &plan->source[plan->n];
    *p = (dm_planned){.path = strdup(path), .is_folder = is_folder, .same_as = -1};
    if (!p->path) return no_memory();
    plan->n++;
    return dm_ok;
}

static void drop_from(dm_plan *plan, int from) {
    while (plan->n > from) free(plan->source[--plan->n].path);
}

typedef struct listing {
    struct dirent **name;
    int n;
} listing;

static void listing_clear(listing *l) {
    for (int i = 0; i < l->n; i++) free(l->name[i]);
    free(l->name);
}

static int not_hidden(const struct dirent *d) {
    return d->d_name[0] != '.';
}

static int join(const char *folder, const char *name, char path[PATH_SIZE]) {
    return snprintf(path, PATH_SIZE, "%s/%s", folder, name) < PATH_SIZE;
}

/* Looks at the files that lie in the folder itself. *archives = sources found; 1 when one of them is a DICOM object, and with
 * that the folder is one source. */
static dm_status look_at_files(finder *f, const char *folder, const listing *l, int *archives, int *dicom) {
    char path[PATH_SIZE];
    struct stat st;
    for (int i = 0; i < l->n; i++) {
        if (!join(folder, l->name[i]->d_name, path) || lstat(path, &st) != 0) continue;
        f->notes->links += S_ISLNK(st.st_mode);
        if (!S_ISREG(st.st_mode)) continue;
        file_kind kind = kind_of(path);
        if (kind == DICOM_FILE) {
            *dicom = 1;
            return dm_ok;
        }
        f->notes->others += kind == NO_SOURCE;
        if (kind != ARCHIVE) continue;
        DM_TRY(push(f, path, 0));
        ++*archives;
    }
    return dm_ok;
}

static dm_status look_at_folder(finder *f, const char *folder, int level, int *archives);

static dm_status look_at_folders(finder *f, const char *folder, const listing *l, int level, int *archives) {
    char path[PATH_SIZE];
    struct stat st;
    for (int i = 0; i < l->n; i++)
        if (join(folder, l->name[i]->d_name, path) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            DM_TRY(look_at_folder(f, path, level + 1, archives));
    return dm_ok;
}

/* *archives grows by the archives found at and below the folder. */
static dm_status look_at_folder(finder *f, const char *folder, int level, int *archives) {
    listing l;
    int from = f->plan->n, here = 0, dicom = 0;
    long others = f->notes->others;
    if (level > DM_FOLDER_DEEPEST) return dm_ok;
    l.n = scandir(folder, &l.name, not_hidden, alphasort);
    if (l.n < 0) return push(f, folder, 1); /* cannot be listed: its row will say so */
    dm_status s = look_at_files(f, folder, &l, &here, &dicom);
    if (dm_good(s) && !dicom) s = look_at_folders(f, folder, &l, level, &here);
    listing_clear(&l);
    if (!dm_good(s)) return s;
    if (dicom || (!here && f->plan->n > from && level >= f->depth)) { /* series folders make up one study */
        drop_from(f->plan, from);
        f->notes->others = others;
        return push(f, folder, 1);
    }
    *archives += here;
    return dm_ok;
}

static dm_status look_at_root(finder *f, const char *root) {
    char path[PATH_SIZE];
    struct stat st;
    int archives = 0, before = f->plan->n;
    if (!realpath(root, path) || stat(path, &st) != 0)
        return dm_fail(DM_FATAL, "config", "%s: %s; check the path", root, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return push(f, path, 0);
    dm_status s = look_at_folder(f, path, 0, &archives);
    f->notes->empty_folders += f->plan->n == before;
    return s;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const dm_planned *)a)->path, ((const dm_planned *)b)->path);
}

/* Roots may overlap: a path stands once. */
static void sort_paths(dm_plan *plan) {
    int n = 0;
    if (plan->n) qsort(plan->source, (size_t)plan->n, sizeof *plan->source, by_path);
    for (int i = 0; i < plan->n; i++) {
        if (n && !strcmp(plan->source[n - 1].path, plan->source[i].path))
            free(plan->source[i].path);
        else
            plan->source[n++] = plan->source[i];
    }
    plan->n = n;
}

/* ---- copies ---- */

static int by_bytes(const void *a, const void *b) {
    const dm_planned *x = *(dm_planned *const *)a, *y = *(dm_planned *const *)b;
    int order = (x->bytes > y->bytes) - (x->bytes < y->bytes);
    if (!order) order = strcmp(x->digest, y->digest);
    return order ? order : strcmp(x->path, y->path);
}

static int can_be_a_copy(const dm_planned *p) {
    return !p->is_folder && !p->unreadable && p->bytes > 0;
}

/* Only files of the same size can be copies: of the others no byte is read. */
static dm_status find_copies(dm_plan *plan, int digest_all) {
    dm_planned **p = malloc(((size_t)plan->n + 1) * sizeof *p);
    int n = 0;
    if (!p) return no_memory();
    for (int i = 0; i < plan->n; i++)
        if (can_be_a_copy(&plan->source[i])) p[n++] = &plan->source[i];
    qsort(p, (size_t)n, sizeof *p, by_bytes);
    for (int i = 0; i < n; i++) {
        int alone = (i == 0 || p[i - 1]->bytes != p[i]->bytes) && (i + 1 == n || p[i + 1]->bytes != p[i]->bytes);
        if ((!alone || digest_all) && !dm_good(dm_digest_file(p[i]->path, p[i]->digest))) p[i]->unreadable = 1;
    }
    qsort(p, (size_t)n, sizeof *p, by_bytes);
    for (int i = 1; i < n; i++) {
        const dm_planned *before = p[i - 1];
        if (!p[i]->digest[0] || strcmp(before->digest, p[i]->digest) != 0) continue;
        p[i]->same_as = before->same_as >= 0 ? before->same_as : (int)(before - plan->source);
    }
    free(p);
    return dm_ok;
}

dm_status dm_plan_make(const dm_plan_options *o, dm_plan *plan, dm_plan_notes *notes) {
    char path[PATH_SIZE] = "";
    finder f = {.plan = plan, .notes = notes, .depth = o->depth};
    *plan = (dm_plan){0};
    *notes = (dm_plan_notes){0};
    snprintf(plan->version, sizeof plan->version, "%s", o->version);
    snprintf(plan->config_digest, sizeof plan->config_digest, "%s", o->config_digest);
    if (o->protocols && !realpath(o->protocols, path))
        return dm_fail(DM_FATAL, "config", "%s: %s; check --protocols", o->protocols, strerror(errno));
    plan->protocols = strdup(path);
    if (!plan->protocols) return no_memory();
    for (int i = 0; i < o->n_roots; i++) DM_TRY(look_at_root(&f, o->roots[i]));
    sort_paths(plan);
    for (int i = 0; i < plan->n; i++) dm_plan_look(&plan->source[i]);
    return find_copies(plan, o->digest);
}

void dm_plan_clear(dm_plan *plan) {
    drop_from(plan, 0);
    free(plan->source);
    free(plan->protocols);
    *plan = (dm_plan){0};
}
