/* Which protocol takes a series. */
#include "ingest_parts.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static int is_letter(char c) {
    return isalnum((unsigned char)c) != 0;
}

/* Words of up to three letters must stand alone ("t1" is not in "T12"); longer ones may be part of a word ("myelo"). */
static int stands_in(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *p = text; n && (p = strstr(p, word)); p++)
        if (n > 3 || ((p == text || !is_letter(p[-1])) && !is_letter(p[n]))) return 1;
    return 0;
}

static void lower_case(const char *text, size_t count, char *out, size_t size) {
    size_t n = 0;
    for (; n < count && text[n] && n + 1 < size; n++) out[n] = (char)tolower((unsigned char)text[n]);
    out[n] = 0;
}

int dm_has_word(const char *text, const char *words) {
    char low[400], word[64];
    lower_case(text, sizeof low, low, sizeof low);
    while (*words) {
        size_t k = strcspn(words, "|");
        lower_case(words, k, word, sizeof word);
        if (stands_in(low, word)) return 1;
        words += k + (words[k] == '|');
    }
    return 0;
}

static int within(double v, double low, double high) {
    return (isnan(low) || v >= low) && (isnan(high) || v <= high);
}

/* NaN limits allow anything; a missing header value fails a limit that is given. */
static int matches(const dm_protocol *p, dm_modality modality, const dm_instance *f, int slices, double slice_mm) {
    const dm_match *m = &p->match;
    if (p->modality != modality || slices < m->min_slices) return 0;
    if (m->description[0] && !dm_has_word(f->description, m->description)) return 0;
    if (m->exclude[0] && dm_has_word(f->description, m->exclude)) return 0;
    return within(f->kvp, m->kvp_low, m->kvp_high) && within(slice_mm, NAN, m->slice_high_mm);
}

const dm_protocol *dm_match_protocol(const dm_protocols *all, dm_modality modality, const dm_instance *f, int slices,
                                     double slice_mm) {
    const dm_protocol *best = NULL;
    for (int i = 0; i < all->n; i++)
        if (matches(&all->p[i], modality, f, slices, slice_mm) && (!best || all->p[i].match.priority > best->match.priority))
            best = &all->p[i];
    return best;
}
