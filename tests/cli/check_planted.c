/* check_planted FOLDER: studies whose headers, names and entries hold words that must be found nowhere outside private/. */
#include <sys/stat.h>
#include <unistd.h>

#include "study_maker.h"

static void path_of(const char *folder, const char *name, char out[600]) {
    snprintf(out, 600, "%s/%s", folder, name);
}

int main(int argc, char **argv) {
    if (argc != 2) return 1;
    char path[600];
    maker m = maker_plain();
    struct stat st;
    m.study = "2.25.7701770177";
    m.series = "2.25.7702770277";
    m.name = "ZYXPLANTEDNAME^ANN";
    m.id = "ZYXPLANTEDID";
    m.description = "CT MYELO ZYXPLANTEDTEXT";
    m.extra = "ZYXPLANTEDEXTRA";
    m.date = "19870403";
    m.time = "131741";
    m.n = 40;
    path_of(argv[1], "ZYXPLANTEDARCHIVE_one.zip", path);
    maker_archive(&m, path, "ZYXPLANTEDENTRY");
    /* The same patient ten days later; a slice is missing. */
    maker late = m;
    late.study = "2.25.7703770377";
    late.series = "2.25.7704770477";
    late.date = "19870413";
    late.n = 20;
    dm_archive_writer *w;
    path_of(argv[1], "ZYXPLANTEDARCHIVE_gap.tar.gz", path);
    if (!dm_good(dm_archive_create(path, &w))) return 1;
    maker_add(&late, w, "ZYXPLANTEDENTRY");
    late.first = 21;
    maker_add(&late, w, "ZYXPLANTEDENTRY");
    if (!dm_good(dm_archive_finish(w))) return 1;
    /* Cut short; and one whose every object is cut short. */
    path_of(argv[1], "ZYXPLANTEDARCHIVE_cut.tar.zst", path);
    maker_archive(&m, path, "ZYXPLANTEDENTRY");
    if (stat(path, &st) != 0 || truncate(path, st.st_size / 2) != 0) return 1;
    path_of(argv[1], "ZYXPLANTEDARCHIVE_bad.zip", path);
    if (!dm_good(dm_archive_create(path, &w))) return 1;
    for (int k = 0; k < 5; k++) {
        size_t size;
        unsigned char *bytes = maker_slice(&m, k, &size);
        if (!dm_good(dm_archive_add(w, "ZYXPLANTEDENTRY", bytes, size - 400))) return 1;
        free(bytes);
    }
    if (!dm_good(dm_archive_finish(w))) return 1;
    /* An archive that is cut short inside one that is whole, beside another study. */
    unsigned char *bytes = malloc((size_t)st.st_size);
    path_of(argv[1], "ZYXPLANTEDARCHIVE_cut.tar.zst", path);
    FILE *f = fopen(path, "rb");
    size_t n = f && bytes ? fread(bytes, 1, (size_t)st.st_size / 2, f) : 0;
    if (f) fclose(f);
    maker other = m;
    other.study = "2.25.7705770577";
    other.series = "2.25.7706770677";
    other.id = "ZYXPLANTEDOTHER";
    other.date = "19871205";
    path_of(argv[1], "ZYXPLANTEDARCHIVE_inside.zip", path);
    if (!dm_good(dm_archive_create(path, &w))) return 1;
    maker_add(&other, w, "ZYXPLANTEDENTRY");
    if (!n || !dm_good(dm_archive_add(w, "ZYXPLANTEDINNER.tar.zst", bytes, n))) return 1;
    free(bytes);
    return dm_good(dm_archive_finish(w)) ? 0 : 1;
}
