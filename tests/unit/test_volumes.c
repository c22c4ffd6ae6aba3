/* Which images of one series are one volume. */
#include <check.h>
#include <string.h>

#include "cases.h"
#include "series_plan.h"

static void set_echo(int i, dm_instance *f) {
    f->echo_time = i < N ? 10 : 90;
}
static void set_temporal(int i, dm_instance *f) {
    f->temporal = 1 + (i >= N);
}
static void set_b(int i, dm_instance *f) {
    f->b_value = i < N ? 0 : 800;
}
static void set_acquisition(int i, dm_instance *f) {
    f->acquisition_number = 3 + (i >= N);
}
static void set_trigger(int i, dm_instance *f) {
    f->trigger_time = i < N ? 0 : 350;
}
static void set_kind(int i, dm_instance *f) {
    strcpy(f->image_type, i < N ? "ORIGINAL\\PRIMARY\\AXIAL\\IN_PHASE" : "ORIGINAL\\PRIMARY\\AXIAL\\WATER");
}
/* Every slice has its own: this says how they were taken, and parts nothing. */
static void set_each(int i, dm_instance *f) {
    f->acquisition_number = i % N;
    f->trigger_time = 7 * (i % N);
}

/* Takes 2 N images, the places of the second half those of the first, apart in volumes. */
static int volumes_of(void (*edit)(int i, dm_instance *f), const char **split_by) {
    plan p = plain();
    dm_image image[2 * N], *images[2 * N];
    int volumes = 0, n = 2 * N;
    *split_by = NULL;
    for (int i = 0; i < n; i++) {
        images[(i * 5) % n] = &image[i];
        image[i] = (dm_image){.number = (uint64_t)i};
        dm_dicom *d = instance(&p, i % N);
        image[i].facts = *dm_dicom_facts(d);
        dm_dicom_free(d);
        if (edit) edit(i, &image[i].facts);
    }
    for (int from = 0; from < n; volumes++) {
        const char *by;
        from += dm_series_next(images + from, n - from, &by);
        if (by) *split_by = by;
    }
    return volumes;
}

START_TEST(volumes_are_parted_only_where_places_repeat) {
    static const struct {
        void (*edit)(int i, dm_instance *f);
        const char *by;
    } row[] = {{set_echo, "echo time"}, {set_temporal, "temporal position"}, {set_b, "b-value"}, {set_kind, "image type"},
               {set_trigger, "trigger time"}, {set_acquisition, "acquisition number"}};
    const char *by;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        ck_assert_int_eq(volumes_of(row[i].edit, &by), 2);
        ck_assert_str_eq(by, row[i].by);
    }
    ck_assert_int_eq(volumes_of(NULL, &by), 1);
    ck_assert_ptr_null(by);
    ck_assert_int_eq(volumes_of(set_each, &by), 1);
}
END_TEST

static void vary_exposure(int i, dm_instance *f) {
    f->kvp = 100 + i;
    f->acquisition_number = i / 2;
    f->echo_time = 10 + i;
}

START_TEST(values_that_vary_along_a_series_do_not_part_it) {
    plan p = plain();
    dm_image image[N], *images[N];
    const char *by;
    for (int i = 0; i < N; i++) {
        images[i] = &image[i];
        image[i] = (dm_image){.number = (uint64_t)i};
        dm_dicom *d = instance(&p, i);
        image[i].facts = *dm_dicom_facts(d);
        dm_dicom_free(d);
        vary_exposure(i, &image[i].facts);
    }
    ck_assert_int_eq(dm_series_next(images, N, &by), N);
    ck_assert_ptr_null(by);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("volumes");
    tcase_add_test(t, volumes_are_parted_only_where_places_repeat);
    tcase_add_test(t, values_that_vary_along_a_series_do_not_part_it);
    return cases_failed("volumes", t) != 0;
}
