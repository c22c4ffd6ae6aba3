/* Folders to a plan, a plan to shares, and what receipts and records say of its sources. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "overview.h"
#include "share.h"

static char home[] = "/tmp/duramap_plan_XXXXXX", in[64], out[64];

static const char *at(const char *folder, const char *name) {
    static char path[4][400];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* A file below `in`, with its folders. */
static void put(const char *name, const char *text) {
    char path[400];
    snprintf(path, sizeof path, "%s", at(in, name));
    *strrchr(path, '/') = 0;
    ck_assert(dm_good(dm_folder_make(path, 0755)));
    FILE *f = fopen(at(in, name), "w");
    ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void put_dicom(const char *name) {
    put(name, "");
    FILE *f = fopen(at(in, name), "w");
    for (int i = 0; f && i < 128; i++) fputc(0, f);
    ck_assert(f && fputs("DICM", f) >= 0 && fclose(f) == 0);
}

static void begin(void) {
    static int n;
    snprintf(in, sizeof in, "%s/in%d", home, ++n);
    snprintf(out, sizeof out, "%s/out%d", home, n);
    ck_assert(dm_good(dm_folder_make(in, 0755)) && dm_good(dm_folder_make(at(out, "records"), 0755)) &&
              dm_good(dm_folder_make(at(out, "private"), 0700)));
}

static dm_plan plan_at(int depth, int digest, dm_plan_notes *notes) {
    const char *roots[] = {in};
    const dm_plan_options o = {.roots = roots, .n_roots = 1, .depth = depth, .digest = digest, .version = "1", .config_digest = "c"};
    dm_plan plan;
    dm_plan_notes none;
    ck_assert(dm_good(dm_plan_make(&o, &plan, notes ? notes : &none)));
    return plan;
}

static void is_source(const dm_plan *plan, int i, const char *name, int folder) {
    ck_assert_int_lt(i, plan->n);
    ck_assert_str_eq(plan->source[i].path, at(in, name));
    ck_assert_int_eq(plan->source[i].is_folder, folder);
}

START_TEST(sources_of_a_tree) {
    put("b.zip", "one");
    put("B.tar.gz", "two two");
    put("2024/c.nii", "three three");
    put("2024/notes.txt", "no study");
    put_dicom("patient/ct/1");
    put_dicom("patient/ct/2");
    put_dicom("patient/scout/1");
    put_dicom("disc/DICOMDIR");
    put("disc/viewer/help.zip", "part of the disc"); /* the folder is one source with all that is in it */
    ck_assert_int_eq(symlink(at(in, "b.zip"), at(in, "z.zip")), 0);
    dm_plan_notes notes;
    dm_plan plan = plan_at(1, 0, &notes);
    ck_assert_int_eq(plan.n, 5);
    is_source(&plan, 0, "2024/c.nii", 0); /* bytewise: digits, capitals, small letters */
    is_source(&plan, 1, "B.tar.gz", 0);
    is_source(&plan, 2, "b.zip", 0);
    is_source(&plan, 3, "disc", 1);
    is_source(&plan, 4, "patient", 1); /* its series are one study's */
    ck_assert_int_eq(plan.source[4].files, 3);
    ck_assert_int_eq((int)plan.source[4].bytes, 3 * 132);
    ck_assert_int_eq((int)notes.links, 1);
    ck_assert_int_eq((int)notes.others, 1);
    dm_plan_clear(&plan);
    plan = plan_at(2, 0, NULL); /* folders count from the second level on */
    ck_assert_int_eq(plan.n, 6);
    is_source(&plan, 4, "patient/ct", 1);
    is_source(&plan, 5, "patient/scout", 1);
    dm_plan_clear(&plan);
}
END_TEST

START_TEST(a_folder_of_images_is_a_source) {
    put_dicom("1");
    put_dicom("2");
    dm_plan plan = plan_at(1, 0, NULL);
    ck_assert_int_eq(plan.n, 1);
    ck_assert_str_eq(plan.source[0].path, in);
    dm_plan_clear(&plan);
    const char *roots[] = {"/nowhere"};
    const dm_plan_options o = {.roots = roots, .n_roots = 1, .depth = 1, .version = "1", .config_digest = "c"};
    dm_plan_notes notes;
    ck_assert_str_eq(dm_plan_make(&o, &plan, &notes).code, "config");
    dm_plan_clear(&plan);
}
END_TEST

START_TEST(copies_are_found_by_their_bytes) {
    put("a.zip", "same");
    put("b.zip", "else"); /* of the same size */
    put("c.zip", "same");
    put("d.zip", "same");
    put("e.zip", ""); /* empty ones are no copies: each has its own row */
    put("f.zip", "");
    put("g.zip", "longer");
    dm_plan plan = plan_at(1, 0, NULL);
    static const int expect[] = {-1, -1, 0, 0, -1, -1, -1};
    for (int i = 0; i < 7; i++) ck_assert_int_eq(plan.source[i].same_as, expect[i]);
    ck_assert_str_eq(plan.source[6].digest, ""); /* of a size of its own: not read */
    dm_plan_clear(&plan);
    plan = plan_at(1, 1, NULL);
    ck_assert_int_eq((int)strlen(plan.source[6].digest), 64);
    dm_plan_clear(&plan);
}
END_TEST

START_TEST(a_plan_is_read_as_it_was_written) {
    put("a \"quoted\", odd\n name.zip", "one");
    put("Müller.zip", "three");
    put_dicom("folder/1");
    dm_plan plan = plan_at(1, 1, NULL), again;
    const char *path = at(out, "private/plan-1.jsonl");
    ck_assert_int_eq(dm_plan_newest(out), 0);
    ck_assert(dm_good(dm_plan_write(path, &plan)));
    ck_assert_int_eq(dm_plan_newest(out), 1);
    ck_assert_str_eq(dm_plan_write(path, &plan).code, "output"); /* never written over */
    ck_assert(dm_good(dm_plan_read(path, &again)));
    dm_plan_change change;
    ck_assert_int_eq(dm_plan_differs(&plan, &again, &change), 0);
    ck_assert_int_eq(again.n, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(again.source[i].path, plan.source[i].path);
        ck_assert_str_eq(again.source[i].digest, plan.source[i].digest);
        ck_assert_int_eq(again.source[i].is_folder, plan.source[i].is_folder);
        ck_assert_int_eq(dm_plan_find(&again, plan.source[i].path), i);
    }
    ck_assert_int_eq(dm_plan_find(&again, "/nowhere"), -1);
    dm_plan_clear(&again);
    /* One character changed by hand. */
    ck_assert_int_eq(chmod(path, 0600), 0);
    FILE *f = fopen(path, "r+");
    ck_assert(f && fseek(f, -5, SEEK_END) == 0 && fputc('9', f) != EOF && fclose(f) == 0);
    ck_assert_str_eq(dm_plan_read(path, &again).code, "config");
    ck_assert_str_eq(dm_plan_read(at(out, "none.jsonl"), &again).code, "config");
    dm_plan_clear(&plan);
}
END_TEST

START_TEST(what_changed_between_two_plans) {
    put("a.zip", "one");
    put("b.zip", "two");
    put("c.zip", "three");
    dm_plan before = plan_at(1, 0, NULL);
    ck_assert_int_eq(unlink(at(in, "a.zip")), 0);
    put("b.zip", "longer");
    put("d.zip", "new");
    dm_plan after = plan_at(1, 0, NULL);
    dm_plan_change c;
    ck_assert_int_eq(dm_plan_differs(&before, &after, &c), 1);
    ck_assert_int_eq(c.added, 1);
    ck_assert_int_eq(c.removed, 1);
    ck_assert_int_eq(c.changed, 1);
    ck_assert_int_eq(c.configuration, 0);
    after.config_digest[0] = 'x';
    dm_plan_differs(&before, &after, &c);
    ck_assert_int_eq(c.configuration, 1);
    dm_plan_clear(&before);
    dm_plan_clear(&after);
}
END_TEST

START_TEST(every_source_is_in_one_share) {
    char name[16], text[32];
    for (int i = 0; i < 23; i++) {
        snprintf(name, sizeof name, "s%02d.zip", i);
        snprintf(text, sizeof text, "text %d", i % 10 == 9 ? 9 : 100 + i); /* 9, 19: copies */
        put(name, text);
    }
    dm_plan plan = plan_at(1, 0, NULL);
    for (int n = 1; n <= 25; n += 4) {
        int seen[23] = {0}, with_first = 0;
        for (int i = 1; i <= n; i++) {
            dm_share share;
            ck_assert(dm_good(dm_share_open(&plan, out, i, n, 0, &share)));
            for (int k = 0; k < share.n; k++) seen[dm_plan_find(&plan, share.source[k])]++;
            for (int k = 0, nine = 0; k < share.n; k++) {
                int which = dm_plan_find(&plan, share.source[k]);
                nine |= which == 9;
                with_first += which == 19 && nine; /* after it, in the same share */
            }
            dm_share_clear(&share);
        }
        for (int k = 0; k < 23; k++) ck_assert_int_eq(seen[k], 1);
        ck_assert_int_eq(with_first, 1);
    }
    dm_plan_clear(&plan);
}
END_TEST

static void record_of(const char *id, const char *version, const char *digest, const char *code, int studies, const char *patient) {
    char path[400];
    cJSON *r = cJSON_CreateObject();
    cJSON_AddStringToObject(r, "study_id", id);
    cJSON_AddStringToObject(r, "patient_id", patient);
    cJSON_AddStringToObject(r, "version", version);
    cJSON_AddStringToObject(r, "config_digest", "c");
    cJSON_AddStringToObject(r, "input_digest", digest);
    cJSON_AddStringToObject(r, "status", *code ? "failed" : "done");
    cJSON_AddStringToObject(r, "error_code", code);
    cJSON_AddNumberToObject(r, "studies_in_source", studies);
    snprintf(path, sizeof path, "%s/records/%s.json", out, id);
    ck_assert(dm_good(dm_record_write(path, r)));
    cJSON_Delete(r);
}

static void record(const char *id, const char *version, const char *digest, const char *code, int studies) {
    record_of(id, version, digest, code, studies, "p");
}

static dm_planned_state state_of(const dm_plan *plan, int i) {
    char code[32];
    return dm_plan_state(plan, out, i, code, NULL);
}

START_TEST(a_source_is_done_when_its_records_stand) {
    put("a.zip", "one");
    put("b.zip", "other");
    dm_plan plan = plan_at(1, 0, NULL);
    const char *a = plan.source[0].path;
    dm_share share;
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    ck_assert_int_eq(share.n, 2);
    record("x", "1", "d", "", 2);
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_OPEN); /* nobody says whose record that is */
    ck_assert(dm_good(dm_share_admit(&share, a, "d")));
    ck_assert(dm_good(dm_share_note(&share, a, "x")));
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_OPEN); /* one of two studies */
    record("y", "1", "d", "no_spine", 2);
    ck_assert(dm_good(dm_share_note(&share, a, "y")));
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_FAILED);
    ck_assert_int_eq(state_of(&plan, 1), DM_PLAN_OPEN);
    record("y", "1", "d", "", 2);
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_DONE);
    record("y", "2", "d", "", 2);
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_OPEN); /* of another version */
    record("y", "1", "e", "", 2);
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_OPEN); /* another source of the same study took the place */
    ck_assert_int_eq(unlink(at(out, "records/y.json")), 0);
    ck_assert_int_eq(state_of(&plan, 0), DM_PLAN_OPEN); /* lost */
    dm_share_clear(&share);
    dm_plan_clear(&plan);
}
END_TEST

START_TEST(a_share_leaves_out_what_is_done) {
    put("a.zip", "one");
    put("b.zip", "other");
    put("c.zip", "a third");
    dm_plan plan = plan_at(1, 0, NULL);
    dm_share share;
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    record("x", "1", "d", "", 1);
    record("y", "1", "d", "no_spine", 1);
    record("old", "1", "d", "no_spine", 1);
    ck_assert(dm_good(dm_share_note(&share, plan.source[0].path, "x")));
    ck_assert(dm_good(dm_share_note(&share, plan.source[1].path, "old")));
    dm_share_clear(&share);
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    ck_assert_int_eq(share.done, 1);
    ck_assert_int_eq(share.failed, 1);
    ck_assert_int_eq(share.n, 1);
    dm_share_clear(&share);
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 1, &share)));
    ck_assert_int_eq(share.n, 2); /* failed ones once more */
    /* A new process begins the receipt anew: a row of an earlier failure may be gone. */
    ck_assert_int_eq(unlink(at(out, "records/old.json")), 0);
    ck_assert(dm_good(dm_share_note(&share, plan.source[1].path, "y")));
    ck_assert_int_eq(state_of(&plan, 1), DM_PLAN_FAILED);
    dm_share_clear(&share);
    dm_plan_clear(&plan);
}
END_TEST

START_TEST(a_changed_source_is_refused) {
    put("a.zip", "one");
    put("b.zip", "two");  /* of a.zip's size: the plan has digests of both */
    put("c.zip", "three");
    dm_plan plan = plan_at(1, 0, NULL);
    dm_share share;
    char digest[65];
    snprintf(digest, sizeof digest, "%s", plan.source[0].digest);
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    ck_assert(dm_good(dm_share_admit(&share, plan.source[2].path, "")));
    const struct timespec later[2] = {{.tv_sec = 2000000000}, {.tv_sec = 2000000000}};
    ck_assert_int_eq(utimensat(AT_FDCWD, plan.source[0].path, later, 0), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, plan.source[2].path, later, 0), 0);
    ck_assert(dm_good(dm_share_admit(&share, plan.source[0].path, digest))); /* the same bytes */
    digest[0] = digest[0] == '0' ? '1' : '0';
    ck_assert_str_eq(dm_share_admit(&share, plan.source[0].path, digest).code, "source_changed");
    ck_assert_str_eq(dm_share_admit(&share, plan.source[2].path, digest).code, "source_changed"); /* nothing else to go by */
    ck_assert_str_eq(dm_share_admit(&share, "/nowhere", "").code, "not_planned");
    /* One that is settled and then changed is told of. */
    record("x", "1", "d", "", 1);
    ck_assert(dm_good(dm_share_note(&share, plan.source[1].path, "x")));
    dm_share_clear(&share);
    put("b.zip", "tw0");
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    ck_assert_int_eq(share.done, 1);
    ck_assert_int_eq(share.changed, 1);
    dm_share_clear(&share);
    dm_plan_clear(&plan);
}
END_TEST

static void mapping(const char *id, const char *source) {
    char path[400];
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "source", source);
    ck_assert(dm_good(dm_folder_make(at(out, "private/mapping"), 0700)));
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", out, id);
    ck_assert(dm_good(dm_record_write(path, m)));
    cJSON_Delete(m);
}

static int stands(const char *id) {
    char name[100];
    snprintf(name, sizeof name, "records/%s.json", id);
    return access(at(out, name), F_OK) == 0;
}

/* Settles a.zip as the present plan has it, with these studies; two: "" = none. */
static void settle(const char *digest, const char *one, const char *two) {
    dm_plan plan = plan_at(1, 0, NULL);
    dm_share share;
    const char *a = plan.source[0].path;
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    ck_assert_int_eq(share.n, 1);
    ck_assert(dm_good(dm_share_admit(&share, a, digest)));
    ck_assert(dm_good(dm_share_note(&share, a, one)));
    if (*two) ck_assert(dm_good(dm_share_note(&share, a, two)));
    ck_assert_int_ne(state_of(&plan, 0), DM_PLAN_OPEN);
    dm_share_clear(&share);
    dm_plan_clear(&plan);
}

START_TEST(a_source_with_other_bytes_forgets_its_former_studies) {
    put("a.zip", "one");
    const char *ids[] = {"x", "y", "z", "w"};
    for (int i = 0; i < 4; i++) mapping(ids[i], at(in, "a.zip"));
    record("x", "1", "d1", "", 2);
    record("y", "1", "d1", "", 2);
    settle("d1", "x", "y");
    /* Other bytes, and they cannot be read: what was measured stands. */
    put("a.zip", "longer");
    record_of("w", "1", "d2", "not_an_archive", 1, "");
    settle("d2", "w", "");
    ck_assert(stands("x") && stands("y"));
    /* Read again: x is in it still, y is not, z is new. The failure's row is the run's to drop. */
    put("a.zip", "longer still");
    record("x", "1", "d3", "", 2);
    record("z", "1", "d3", "", 2);
    settle("d3", "x", "z");
    ck_assert(stands("x") && stands("z") && !stands("y"));
}
END_TEST

static void beat(const char *name, double started, double at_time, int done, const char *shard) {
    char path[400];
    cJSON *b = cJSON_CreateObject();
    cJSON_AddNumberToObject(b, "started", started);
    cJSON_AddNumberToObject(b, "beat", at_time);
    cJSON_AddNumberToObject(b, "done", done);
    cJSON_AddNumberToObject(b, "left", 5);
    cJSON_AddStringToObject(b, "shard", shard);
    ck_assert(dm_good(dm_folder_make(at(out, "running"), 0755)));
    snprintf(path, sizeof path, "%s/running/%s.json", out, name);
    ck_assert(dm_good(dm_record_write(path, b)));
    cJSON_Delete(b);
}

START_TEST(an_overview_counts_and_foretells) {
    put("a.zip", "one");
    put("b.zip", "other");
    put("c.zip", "a third");
    dm_plan plan = plan_at(1, 0, NULL);
    dm_share share;
    dm_overview o;
    double now = (double)time(NULL);
    ck_assert(dm_good(dm_share_open(&plan, out, 1, 1, 0, &share)));
    record("x", "1", "d", "", 1);
    record("y", "1", "d", "no_spine", 1);
    ck_assert(dm_good(dm_share_note(&share, plan.source[0].path, "x")));
    ck_assert(dm_good(dm_share_note(&share, plan.source[1].path, "y")));
    beat("n1-7", now - 100, now, 10, "1/2");
    beat("n2-8", now - 5000, now - 600, 10, "2/2"); /* no sign of life: its rate is none */
    ck_assert(dm_good(dm_overview_take(&plan, out, &o)));
    ck_assert_int_eq(o.done, 1);
    ck_assert_int_eq(o.failed, 1);
    ck_assert_int_eq(o.open, 1);
    ck_assert_int_eq(o.studies, 2);
    ck_assert_int_eq(o.n_running, 2);
    ck_assert_str_eq(o.running[0].shard, "1/2");
    ck_assert(o.running[1].age > 590 && o.running[1].age < 700);
    ck_assert(o.per_hour > 350 && o.per_hour < 370);
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    dm_overview_print(&o, f);
    fclose(f);
    ck_assert(strstr(text, "running 1\n") && strstr(text, "STOPPED") && strstr(text, "no_spine"));
    free(text);
    f = open_memstream(&text, &size);
    ck_assert_int_eq(dm_overview_list(&plan, out, DM_PLAN_OPEN, f), 1);
    fclose(f);
    ck_assert(strstr(text, "/c.zip\n") != NULL);
    free(text);
    dm_overview_clear(&o);
    dm_share_clear(&share);
    dm_plan_clear(&plan);
}
END_TEST

int main(void) {
    if (!mkdtemp(home)) return 1;
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, NULL);
    tcase_add_test(c, sources_of_a_tree);
    tcase_add_test(c, a_folder_of_images_is_a_source);
    tcase_add_test(c, copies_are_found_by_their_bytes);
    tcase_add_test(c, a_plan_is_read_as_it_was_written);
    tcase_add_test(c, what_changed_between_two_plans);
    tcase_add_test(c, every_source_is_in_one_share);
    tcase_add_test(c, a_source_is_done_when_its_records_stand);
    tcase_add_test(c, a_share_leaves_out_what_is_done);
    tcase_add_test(c, a_changed_source_is_refused);
    tcase_add_test(c, a_source_with_other_bytes_forgets_its_former_studies);
    tcase_add_test(c, an_overview_counts_and_foretells);
    int failed = cases_failed_here("plan", c);
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command) != 0 || failed != 0; /* NOLINT(cert-env33-c): a folder of our own */
}
