#include "exam.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Names as they stand in headers: whatever holds one of the words is that maker's. A free text is never passed on. */
static const struct {
    const char *word, *name;
} makers[] = {{"siemens", "Siemens"},       {"ge medical", "GE"},           {"ge healthcare", "GE"},
              {"general electric", "GE"},   {"philips", "Philips"},         {"toshiba", "Toshiba"},
              {"canon", "Canon"},           {"hitachi", "Hitachi"},         {"fujifilm", "Fujifilm"},
              {"uih", "United Imaging"},    {"united imaging", "United Imaging"}, {"neusoft", "Neusoft"},
              {"samsung", "Samsung"},       {"neurologica", "Samsung"},     {"marconi", "Marconi"},
              {"picker", "Picker"},         {"elscint", "Elscint"}};

static void maker_of(const char *text, char out[24]) {
    char low[24];
    size_t n = 0;
    for (; text[n] && n + 1 < sizeof low; n++) low[n] = (char)tolower((unsigned char)text[n]);
    low[n] = 0;
    snprintf(out, 24, "%s", n ? "other" : "");
    for (unsigned i = 0; i < sizeof makers / sizeof *makers; i++)
        if (strstr(low, makers[i].word)) {
            snprintf(out, 24, "%s", makers[i].name);
            return;
        }
}

/* A model is given only beside a maker that is known; letters, digits and the few signs that models have. */
static void model_of(const char *text, const char *maker, char out[32]) {
    size_t n = 0;
    out[0] = 0;
    if (!maker[0] || !strcmp(maker, "other")) return;
    for (; *text && n + 1 < 32; text++)
        if (isalnum((unsigned char)*text) || strchr(" -+./", *text)) out[n++] = *text;
    out[n] = 0;
}

static void band_of(double years, char out[8]) {
    out[0] = 0;
    if (!(years >= 0 && years < 150)) return;
    unsigned low = (unsigned)(years / 5) * 5u;
    if (low >= 90)
        snprintf(out, 8, "90+");
    else
        snprintf(out, 8, "%u-%u", low % 100, low % 100 + 4);
}

void dm_exam_of(const dm_key *key, const dm_instance *f, dm_exam *exam) {
    *exam = (dm_exam){.shifted_seconds = 0};
    if (f->sex[0] && strchr("FMO", f->sex[0]) && !f->sex[1]) exam->sex[0] = f->sex[0];
    band_of(f->age_years, exam->age_band);
    maker_of(f->manufacturer, exam->manufacturer);
    model_of(f->model, exam->manufacturer, exam->model);
    /* Without a patient there is no order among exams to keep. */
    if (f->patient_id[0] && !isnan(f->exam_seconds)) exam->shifted_seconds = f->exam_seconds - dm_date_shift(key, f->patient_id);
}

void dm_exam_time(double shifted_seconds, char out[20]) {
    out[0] = 0;
    if (isnan(shifted_seconds) || shifted_seconds == 0) return;
    double day = floor(shifted_seconds / 86400);
    int minute = (int)((shifted_seconds - day * 86400) / 60);
    /* Civil date from days, counted in eras of 400 years that begin on a 1st of March. */
    long z = (long)day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, in_era = z - era * 146097;
    long year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    long in_year = in_era - (365 * year + year / 4 - year / 100), m = (5 * in_year + 2) / 153;
    long month = m < 10 ? m + 3 : m - 9;
    year += era * 400 + (month <= 2);
    if (year < 1000 || year > 9999) return;
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d", (int)year, (int)month, (int)(in_year - (153 * m + 2) / 5 + 1),
             minute / 60, minute % 60);
    memcpy(out, text, 17);
}
