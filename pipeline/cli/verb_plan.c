#include <math.h>
#include <string.h>
#include <unistd.h>

#include "protocol.h"
#include "pseudonym.h"
#include "share.h"
#include "verbs.h"

enum { SHOWN = 20 }; /* names printed of each kind of trouble; all of them stand in the plan */

typedef struct words {
    const char *out, *protocols;
    long long depth;
    int digest, renew;
} words;

static void print_sources(const dm_plan *plan, const dm_plan_notes *notes) {
    long folders = 0;
    uint64_t bytes = 0;
    double seconds = 0;
    for (int i = 0; i < plan->n; i++) {
        folders += plan->source[i].is_folder;
        bytes += plan->source[i].bytes;
        seconds += dm_plan_seconds(plan->source[i].bytes);
    }
    printf("%d sources: %ld folders, %ld files; %.2f GB\n", plan->n, folders, plan->n - folders, 1e-9 * (double)bytes);
    printf("estimate: %.0f min on 2 CPU cores (%.1f s a source and %.1f s more per 100 MB, as measured there; no GPU was measured)\n",
           ceil(seconds / 60), dm_plan_seconds(0), dm_plan_seconds(100000000) - dm_plan_seconds(0));
    if (notes->others) printf("%ld files are left out: no archive, no volume, no DICOM object\n", notes->others);
    if (notes->links) printf("%ld symbolic links are not followed\n", notes->links);
    if (notes->empty_folders) printf("%d folders hold no study\n", notes->empty_folders);
}

/* The path for a person at a terminal; a log gets the number, as names of archives are often those of patients. */
static const char *shown(const dm_plan *plan, int i, char number[32]) {
    if (isatty(STDOUT_FILENO)) return plan->source[i].path;
    snprintf(number, 32, "source %d of the plan", i + 1);
    return number;
}

static void print_trouble(const dm_plan *plan) {
    char one[32], other[32];
    int copies = 0, unreadable = 0;
    for (int i = 0; i < plan->n; i++) {
        const dm_planned *p = &plan->source[i];
        if (p->same_as >= 0 && copies++ < SHOWN)
            printf("warning: %s holds the same bytes as %s\n", shown(plan, i, one), shown(plan, p->same_as, other));
        if (p->unreadable && unreadable++ < SHOWN) printf("warning: %s cannot be read by you\n", shown(plan, i, one));
    }
    if (copies) printf("%d copies: each study is measured once, its copies get a row that says so\n", copies);
    if (unreadable) printf("%d sources cannot be read: they will fail with a row each\n", unreadable);
}

/* Puts the plan into OUT: the first, or a new one beside those that are there. */
static int keep_plan(const words *w, dm_plan *plan) {
    char path[4096];
    dm_plan before = {0};
    dm_plan_change c = {0};
    int newest = dm_plan_newest(w->out);
    if (newest) {
        dm_plan_path(w->out, newest, path);
        int code = dm_tell(dm_plan_read(path, &before));
        int differs = code == DM_EXIT_DONE && dm_plan_differs(&before, plan, &c);
        dm_plan_clear(&before);
        if (code != DM_EXIT_DONE) return code;
        if (!differs) {
            printf("nothing has changed since %s was made; it stands\n", path);
            return DM_EXIT_DONE;
        }
        printf("since %s was made: %d sources added, %d removed, %d changed%s\n", path, c.added, c.removed, c.changed,
               c.configuration ? ", another version of duramap or other protocols" : "");
        if (!w->renew) {
            fprintf(stderr, "duramap: %s stands; --renew makes a new plan beside it (what is done and unchanged stays done)\n", path);
            return DM_EXIT_USAGE;
        }
    }
    dm_plan_path(w->out, newest + 1, path);
    int code = dm_tell(dm_plan_write(path, plan));
    if (code != DM_EXIT_DONE) return code;
    printf("plan: %s (digest %.12s)\n\non this machine:  duramap run --plan %s --out %s\non a cluster:     duramap submit %s --help\n", path,
           plan->digest, path, w->out, w->out);
    return code;
}

/* OUT/private and the key, before any task may want to make one. */
static dm_status make_private(const char *out) {
    char path[4096];
    dm_key key;
    snprintf(path, sizeof path, "%s/private", out);
    DM_TRY(dm_folder_make(path, 0700));
    snprintf(path, sizeof path, "%s/private/key", out);
    return dm_key_open(path, &key);
}

int dm_verb_plan(int argc, char **argv) {
    static const dm_verb_help help = {
        "plan ROOT... --out OUT",
        "Lists the studies below the ROOTs (archives, NIfTI volumes, folders of DICOM files) in a fixed order into\n"
        "OUT/private/plan-1.jsonl: size, time of change, copies. A task takes its share of that list whatever happens to the\n"
        "folders later; a file that is changed later is refused by name. A plan is never written over. It makes OUT/private/key,\n"
        "too: to use a key of your own, put it there before.",
        "duramap plan /archive/myelography --out OUT"};
    words w = {.depth = 1};
    const dm_option options[] = {
        {"--out", DM_WORD, &w.out, "OUT", "folder of the run (made if missing)"},
        {"--protocols", DM_WORD, &w.protocols, "DIR", "protocol files (those built in); tasks refuse others"},
        {"--depth", DM_WHOLE, &w.depth, "N", "a folder N levels below ROOT, all of DICOM files, is one source (1)"},
        {"--digest", DM_FLAG, &w.digest, NULL, "read every file and keep its SHA-256, not only where sizes are equal"},
        {"--renew", DM_FLAG, &w.renew, NULL, "make a new plan where the sources or protocols have changed"},
    };
    int count, code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &count);
    if (code >= 0) return code;
    if (!w.out || !count || w.depth < 1 || w.depth > 32) {
        fprintf(stderr, "duramap: plan needs a folder or archives, and --out; --depth goes from 1 to 32\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    dm_protocols protocols = {0};
    dm_plan plan = {0};
    dm_plan_notes notes = {0};
    dm_status s = dm_protocols_load(w.protocols, &protocols);
    const dm_plan_options o = {.roots = (const char *const *)argv, .n_roots = count, .depth = (int)w.depth, .digest = w.digest,
                               .version = DURAMAP_VERSION, .config_digest = protocols.digest, .protocols = w.protocols};
    if (dm_good(s)) s = dm_plan_make(&o, &plan, &notes);
    if (dm_good(s)) s = make_private(w.out);
    code = dm_tell(s);
    if (code == DM_EXIT_DONE) {
        print_sources(&plan, &notes);
        print_trouble(&plan);
        code = plan.n ? keep_plan(&w, &plan) : DM_EXIT_NOTHING;
    }
    dm_plan_clear(&plan);
    dm_protocols_clear(&protocols);
    return code;
}
