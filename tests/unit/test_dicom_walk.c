/* The look at the bytes before the library's parser: depth and transfer syntax. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include "cases.h"
#include "dicom.h"
#include "dicom_walk.h"

typedef struct bytes {
    unsigned char *b;
    size_t n;
} bytes;

static void add(bytes *o, const void *b, size_t n) {
    memcpy(o->b + o->n, b, n);
    o->n += n;
}

static void add_u32(bytes *o, uint32_t v) {
    unsigned char le[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
                           (unsigned char)(v >> 24)};
    add(o, le, 4);
}

/* Preamble, meta header with a transfer syntax, and a SOP class so that the object is one. */
static bytes begin(const char *syntax, int is_explicit) {
    bytes o = {calloc(1, 1 << 21), 128};
    ck_assert_ptr_nonnull(o.b);
    add(&o, "DICM", 4);
    add(&o, "\x02\x00\x10\x00UI", 6);
    size_t n = strlen(syntax), even = n + (n & 1);
    add(&o, (unsigned char[]){(unsigned char)even, 0}, 2);
    add(&o, syntax, n);
    o.n += even - n;
    if (is_explicit)
        add(&o,
            "\x08\x00\x16\x00UI\x02\x00"
            "1.",
            10);
    else
        add(&o,
            "\x08\x00\x16\x00\x02\x00\x00\x00"
            "1.",
            10);
    return o;
}

/* Sequences in items, `depth` deep; the lengths are undefined, or reach to the end of the buffer. */
static void nest(bytes *o, int depth, int is_explicit, int defined) {
    const uint32_t step = is_explicit ? 20 : 16;
    for (int i = 0; i < depth; i++) {
        uint32_t left = step * (uint32_t)(depth - i);
        add(o, is_explicit ? "\x40\x00\x75\x02SQ\0\0" : "\x40\x00\x75\x02", is_explicit ? 8 : 4);
        add_u32(o, defined ? left - step + 8 : 0xffffffffu);
        add(o, "\xfe\xff\x00\xe0", 4);
        add_u32(o, defined ? left - step : 0xffffffffu);
    }
    for (int i = 0; i < depth && !defined; i++) {
        add(o, "\xfe\xff\x0d\xe0\0\0\0\0", 8);
        add(o, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
    }
}

static const char explicit_le[] = "1.2.840.10008.1.2.1", implicit_le[] = "1.2.840.10008.1.2";

static void expect(int depth, int is_explicit, int defined, int shallow) {
    const char *syntax = is_explicit ? explicit_le : implicit_le;
    bytes o = begin(syntax, is_explicit);
    nest(&o, depth, is_explicit, defined);
    char uid[68];
    size_t data;
    dm_dicom *d = NULL;
    ck_assert_int_eq(dm_dicom_syntax(o.b, o.n, uid, &data), 1);
    ck_assert_str_eq(uid, syntax);
    ck_assert_int_eq(dm_dicom_is_shallow(o.b, o.n, uid), shallow);
    dm_status s = dm_dicom_parse(o.b, o.n, &d);
    if (shallow)
        ck_assert_msg(dm_good(s), "%s", s.text);
    else
        ck_assert_str_eq(s.code, "damaged_dicom");
    dm_dicom_free(d);
    free(o.b);
}

/* 20 000 levels end the process when the library sees them. */
START_TEST(a_nesting_bomb_never_reaches_the_parser) {
    const int deep[] = {65, 100, 4000, 20000};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) expect(deep[i], k & 1, k >> 1, 0);
}
END_TEST

START_TEST(what_real_objects_nest_passes) {
    for (int k = 0; k < 4; k++) {
        expect(0, k & 1, k >> 1, 1);
        expect(10, k & 1, k >> 1, 1);
        expect(64, k & 1, k >> 1, 1);
    }
}
END_TEST

/* Many items side by side are no depth. */
START_TEST(a_long_sequence_is_not_deep) {
    bytes o = begin(explicit_le, 1);
    for (int i = 0; i < 300; i++) nest(&o, 3, 1, 0);
    ck_assert_int_eq(dm_dicom_is_shallow(o.b, o.n, explicit_le), 1);
    o.n -= 7; /* cut short: what cannot be walked is counted */
    ck_assert_int_eq(dm_dicom_is_shallow(o.b, o.n, explicit_le), 1);
    free(o.b);
}
END_TEST

/* Unknown elements may hide a sequence in implicit coding. */
START_TEST(a_bomb_within_an_unknown_element) {
    bytes o = begin(explicit_le, 1);
    add(&o, "\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff", 12);
    add(&o, "\xfe\xff\x00\xe0\xff\xff\xff\xff", 8);
    nest(&o, 5000, 0, 0);
    ck_assert_int_eq(dm_dicom_is_shallow(o.b, o.n, explicit_le), 0);
    free(o.b);
}
END_TEST

/* 70 MB of zeros in 70 kB: stopped by the cap, before the library takes memory for it. */
START_TEST(a_deflated_bomb_is_stopped) {
    enum { ZEROS = 70 << 20 };
    bytes o = begin("1.2.840.10008.1.2.1.99", 1);
    o.n -= 10; /* the data set is deflated as a whole */
    unsigned char *zeros = calloc(1, ZEROS);
    ck_assert_ptr_nonnull(zeros);
    memcpy(zeros, "\x08\x00\x16\x00UI\x02\x00" "1.\xe0\x7f\x10\x00OW\0\0\0\0\0\4", 22);
    z_stream z = {.next_in = zeros, .avail_in = ZEROS, .next_out = o.b + o.n, .avail_out = (1 << 21) - 1000};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    o.n += z.total_out;
    deflateEnd(&z);
    dm_dicom *d;
    dm_status s = dm_dicom_parse(o.b, o.n, &d);
    ck_assert_msg(!strcmp(s.code, "archive_limit"), "%s: %s", s.code, s.text);
    ck_assert_ptr_null(d);
    o.n -= 100; /* cut short */
    ck_assert_int_eq(dm_dicom_parse(o.b, o.n, &d).severity, DM_STUDY);
    free(zeros);
    free(o.b);
}
END_TEST

/* A claim of 4 GB in a file of 500 bytes: refused without taking memory for it. */
START_TEST(a_claimed_length_takes_no_memory) {
    struct rlimit was, small = {.rlim_cur = 2000u << 20, .rlim_max = RLIM_INFINITY};
    static const char *const vr[] = {"OW\0", "UN\0", "OB\0", "UT\0"};
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &was), 0);
    small.rlim_max = was.rlim_max;
#ifdef __SANITIZE_ADDRESS__ /* which reserves terabytes of address space */
    small.rlim_cur = was.rlim_cur;
#endif
    setrlimit(RLIMIT_AS, &small);
    for (int i = 0; i < 4; i++) {
        bytes o = begin(explicit_le, 1);
        add(&o, "\xe0\x7f\x10\x00", 4);
        add(&o, vr[i], 2);
        add(&o, "\0\0\xfe\xff\xff\xff", 6);
        add(&o, o.b, 100);
        dm_dicom *d;
        dm_status s = dm_dicom_parse(o.b, o.n, &d);
        ck_assert_msg(!strcmp(s.code, "damaged_dicom"), "%s: %s", s.code, s.text);
        free(o.b);
    }
    setrlimit(RLIMIT_AS, &was);
}
END_TEST

START_TEST(two_syntaxes_are_refused) {
    bytes o = begin(explicit_le, 1);
    o.n -= 10;
    add(&o,
        "\x02\x00\x10\x00UI\x02\x00"
        "1.",
        10);
    char uid[68];
    size_t data;
    ck_assert_int_eq(dm_dicom_syntax(o.b, o.n, uid, &data), 0);
    free(o.b);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("dicom_walk");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_nesting_bomb_never_reaches_the_parser);
    tcase_add_test(t, what_real_objects_nest_passes);
    tcase_add_test(t, a_long_sequence_is_not_deep);
    tcase_add_test(t, a_bomb_within_an_unknown_element);
    tcase_add_test(t, a_deflated_bomb_is_stopped);
    tcase_add_test(t, a_claimed_length_takes_no_memory);
    tcase_add_test(t, two_syntaxes_are_refused);
    return cases_failed("dicom_walk", t) != 0;
}
