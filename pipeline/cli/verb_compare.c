/* duramap compare: protocols against a reference. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "verbs.h"

static const dm_verb_help help = {
    "compare OUT --reference REFERENCE.csv [--treatments T.csv] [--clinical C.csv]",
    "Compares protocols from OUT/tables and what is known about the patients. Writes OUT/compare:\n"
    "protocols.csv, pairs.csv, froc.csv, rounds.csv, yield.csv, patients.csv, indirect.csv,\n"
    "participants.csv and unmatched.csv, each with a JSON file that says what its columns mean,\n"
    "two SVG figures, and summary.md, whose numbers link to their cells.\n"
    "\n"
    "REFERENCE.csv: a row for each leak, or one with class none where there is proven to be none\n"
    "  patient_id | study_id | archive\n"
    "                  at least one. A study's or an archive's row holds for that study, a patient's\n"
    "                  row for all of the patient's studies. Pseudonyms, or raw IDs (hashed with the\n"
    "                  key), archives by file name\n"
    "  source          surgery, later_myelogram, consensus, phantom, synthetic_painted: the first of\n"
    "                  these that speaks of a study is taken; empty = unstated, after all others\n"
    "  class           none, ventral_tear, lateral_tear, dorsal_tear, diverticulum_leak,\n"
    "                  csf_venous_fistula, sacral, indeterminate\n"
    "  level, side     disc (T7-8) or root (T10); ventral, dorsal, left, right; either may be empty\n"
    "  x_mm y_mm z_mm  DICOM patient coordinates in the study named; optional\n"
    "  level_mm        mm along the canal from the middle of the level, downwards; optional\n"
    "  days, slec      days between study and reference; 1 = long collection, 0 = none; optional\n"
    "T.csv: patient_id, treatment (blood_patch, fibrin_patch, surgery, embolisation), and when:\n"
    "  date (2024-05-31; needs the key, and the raw ID here or in OUT/private/mapping.csv), day (since\n"
    "  the first study) or after_round (1 = after the patient's first study)\n"
    "C.csv: patient_id, and of these what is known: sex (F, M, O), age_years, sheath_supine_mm,\n"
    "  sheath_upright_mm, opening_cmh2o, baseline_mmhg, plateau_mmhg, rate_ml_min,\n"
    "  bern_pachymeningeal, bern_sinus, bern_subdural (1 or 0), bern_suprasellar_mm,\n"
    "  bern_prepontine_mm, bern_mamillopontine_mm\n"
    "\n"
    "A candidate hits a leak of its class group within 10 mm along the canal (also counted: 5 and\n"
    "20), or in the level's interval where the reference knows only the level. One candidate hits\n"
    "one leak; a second one on the same leak is neither true nor false.",
    "duramap phantom --out cohort --cases 6 --seed 5 --size small\n"
    "  duramap run cohort/c*.* --out OUT\n"
    "  duramap compare OUT --reference cohort/reference.csv"};

static int take_cut(const char *text, double *cut) {
    char *end;
    *cut = NAN;
    if (!text) return 1;
    *cut = strtod(text, &end);
    return end != text && !*end && isfinite(*cut);
}

int dm_verb_compare(int argc, char **argv) {
    dm_compare_options o = {.version = DURAMAP_VERSION};
    long long seed = 1, draws = 2000;
    const char *cut = NULL;
    const dm_option options[] = {
        {"--reference", DM_WORD, &o.reference, "FILE", "what is known: reference.csv"},
        {"--treatments", DM_WORD, &o.treatments, "FILE",
         "patches and operations: they cut the sequence of rounds"},
        {"--clinical", DM_WORD, &o.clinical, "FILE", "other tests, one row per patient"},
        {"--sheath-cut", DM_WORD, &cut, "MM",
         "change of the nerve sheath, upright - supine, that speaks for a leak (none: no cut-off is "
         "published)"},
        {"--key", DM_WORD, &o.key, "FILE", "key of the run (OUT/private/key)"},
        {"--to", DM_WORD, &o.to, "DIR", "folder for what is written (OUT/compare)"},
        {"--seed", DM_WHOLE, &seed, "S", "seed of the bootstrap (1)"},
        {"--draws", DM_WHOLE, &draws, "N", "draws of the bootstrap, 200 to 100000 (2000)"},
    };
    int words, studies = 0,
               code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &words);
    if (code >= 0) return code;
    if (words != 1 || !o.reference || draws < 200 || draws > 100000 || !take_cut(cut, &o.sheath_cut_mm)) {
        fprintf(stderr,
                "duramap: compare takes one folder, the OUT of a run, --reference, 200 to 100000 --draws, "
                "and a number of mm after "
                "--sheath-cut\nusage: duramap %s\n",
                help.usage);
        return DM_EXIT_USAGE;
    }
    o.out = argv[0];
    o.seed = (uint64_t)seed;
    o.draws = (int)draws;
    dm_status s = dm_compare(&o, stderr, &studies);
    code = dm_tell(s);
    if (code != DM_EXIT_DONE)
        return !strcmp(s.code, "bad_csv") || !strcmp(s.code, "key") ? DM_EXIT_USAGE : code;
    if (!studies) {
        fprintf(stderr, "duramap: %s has no study; run some first\n", o.out);
        return DM_EXIT_NOTHING;
    }
    if (o.to)
        printf("%d studies compared: %s/summary.md\n", studies, o.to);
    else
        printf("%d studies compared: %s/compare/summary.md\n", studies, o.out);
    return DM_EXIT_DONE;
}
