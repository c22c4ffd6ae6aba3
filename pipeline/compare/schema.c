/* The schema of what a comparison writes: header, sidecar and documentation of each table. Columns are added
 * at the end and never renamed. */
#include "schema.h"

#define TEXT(name, levels, meaning)                                                                          \
    { name, DM_TEXT, 0, "", levels, meaning }
#define COUNTED(name, meaning)                                                                               \
    { name, DM_NUMBER, 0, "1", "", meaning }
#define NUMBER(name, decimals, unit, meaning)                                                                \
    { name, DM_NUMBER, decimals, unit, "", meaning }
#define SHARE(name, meaning)                                                                                 \
    { name, DM_NUMBER, 4, "1", "", meaning }
#define P_VALUE(name, meaning)                                                                               \
    { name, DM_NUMBER, 6, "1", "", meaning }
#define LIMITS(name, what)                                                                                   \
    SHARE(name "_low", "95 % limit, lower: " what), SHARE(name "_high", "95 % limit, upper: " what)
#define BOTH_LIMITS(name)                                                                                    \
    SHARE(name "_wilson_low", "95 % limit, lower: Wilson"),                                                  \
        SHARE(name "_wilson_high", "95 % limit, upper: Wilson"),                                             \
        SHARE(name "_clopper_low", "95 % limit, lower: Clopper-Pearson"),                                    \
        SHARE(name "_clopper_high", "95 % limit, upper: Clopper-Pearson")
#define WILSON(name)                                                                                         \
    SHARE(name "_wilson_low", "95 % limit, lower: Wilson"),                                                  \
        SHARE(name "_wilson_high", "95 % limit, upper: Wilson")
#define MM_LIMITS(name)                                                                                      \
    NUMBER(name "_low", 2, "mm", "95 % limit, lower: bootstrap of patients, percentile"),                    \
        NUMBER(name "_high", 2, "mm", "95 % limit, upper: bootstrap of patients, percentile")
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define CLASSES                                                                                              \
    "none|ventral_tear|lateral_tear|dorsal_tear|diverticulum_leak|csf_venous_fistula|sacral|indeterminate"
#define SAID "leak|no_leak|indeterminate|failed"
#define NOTE TEXT("note", "", "why cells are empty, and what to mind")

static const dm_column protocols[] = {
    TEXT("protocol", "", "protocol of the studies; unknown = the study failed before it was chosen"),
    TEXT("stratum", "all|class|slec|sex|age_band|scanner_maker|scanner_model|source",
         "what the studies are sorted by"),
    TEXT("value", "",
         "value of the stratum; class, source: the reference's; slec: the reference's, else the study's"),
    TEXT("indeterminate_as", "left_out|wrong",
         "studies that cannot tell or failed: in no proportion, or missed where there is a leak and a false "
         "alarm where there is none"),
    COUNTED("n", "patients in the proportions of this row, one study each: tp + fp + fn + tn"),
    COUNTED("tp", "leak reported, leak there"),
    COUNTED("fp", "leak reported (or, when counted as wrong, nothing told), none there"),
    COUNTED("fn", "none reported (or, when counted as wrong, nothing told), leak there"),
    COUNTED("tn", "none reported, none there"),
    COUNTED("indeterminate", "studies with a reference that cannot tell"),
    COUNTED("failed", "studies with a reference that failed"),
    COUNTED("n_repeated",
            "further studies of the same patients by this protocol: only the first counts here"),
    COUNTED("n_without_reference", "studies that no row of the reference speaks of"),
    COUNTED("n_contradicted", "studies whose reference contradicts itself: set aside"),
    SHARE("sensitivity", "tp / (tp + fn)"),
    BOTH_LIMITS("sensitivity"),
    SHARE("specificity", "tn / (tn + fp)"),
    BOTH_LIMITS("specificity"),
    SHARE("ppv", "tp / (tp + fp), at this cohort's share of leaks"),
    BOTH_LIMITS("ppv"),
    SHARE("npv", "tn / (tn + fn), at this cohort's share of leaks"),
    BOTH_LIMITS("npv"),
    SHARE("accuracy", "(tp + tn) / n"),
    BOTH_LIMITS("accuracy"),
    SHARE("located_5_mm",
          "patients with a leak in whom an accepted candidate hits it within 5 mm along the canal"),
    WILSON("located_5_mm"),
    SHARE("located_10_mm", "the same within 10 mm"),
    WILSON("located_10_mm"),
    SHARE("located_20_mm", "the same within 20 mm"),
    WILSON("located_20_mm"),
    COUNTED("n_level", "true positives whose reference has a level"),
    SHARE("level_exact", "share of n_level: the study's site is at the level of the nearest leak"),
    WILSON("level_exact"),
    SHARE("level_within_1", "share of n_level: at most one level away"),
    WILSON("level_within_1"),
    COUNTED("n_side", "true positives whose reference has a side"),
    SHARE("side_right", "share of n_side: the side is right"),
    WILSON("side_right"),
    COUNTED("n_mm", "true positives whose site and reference both have a place on the canal"),
    NUMBER("mm_median", 2, "mm", "distance of the site from the nearest leak along the canal: median"),
    MM_LIMITS("mm_median"),
    NUMBER("mm_q1", 2, "mm", "first quartile"),
    MM_LIMITS("mm_q1"),
    NUMBER("mm_q3", 2, "mm", "third quartile"),
    MM_LIMITS("mm_q3"),
    NUMBER("mm_p90", 2, "mm", "90 % of the sites are nearer"),
    MM_LIMITS("mm_p90"),
    COUNTED("n_days", "studies whose reference tells the days between"),
    NUMBER("days_median", 1, "d", "days between study and reference, median"),
    NOTE,
};

static const dm_column pairs[] = {
    TEXT("protocol_a", "", "first protocol"),
    TEXT("protocol_b", "", "second protocol"),
    TEXT("design", "paired|unpaired",
         "the same patients by both, or different patients: those with only one of the two"),
    TEXT("measure", "sensitivity|specificity|located_10_mm|levels",
         "what is compared; levels = agreement disc by disc over the levels that both studies show"),
    TEXT("indeterminate_as", "left_out|wrong", "as in protocols.csv"),
    COUNTED("n", "patients in the comparison"),
    COUNTED("n_left_out", "patients left out because a study cannot tell or failed"),
    COUNTED("both", "paired: right by both (levels: marked by both)"),
    COUNTED("only_a", "paired: right by the first only"),
    COUNTED("only_b", "paired: right by the second only"),
    COUNTED("neither", "paired: right by neither"),
    COUNTED("n_a", "patients of the first protocol"),
    COUNTED("n_b", "patients of the second protocol"),
    SHARE("value_a", "the measure by the first"),
    SHARE("value_b", "the measure by the second"),
    SHARE("difference", "value_a - value_b"),
    LIMITS("difference", "Newcombe's hybrid score, for pairs with phi"),
    P_VALUE("p_exact", "McNemar, exact conditional"),
    P_VALUE("p_midp", "McNemar, mid-p"),
    P_VALUE("p_fisher", "Fisher's exact test, two-sided"),
    P_VALUE("p_holm", "p_midp (paired) or p_fisher (unpaired), Holm-adjusted over the rows of the same "
                      "design, measure and counting"),
    COUNTED("n_levels", "levels shown by both studies, over all patients"),
    SHARE("agreement", "share of n_levels on which both say the same"),
    SHARE("kappa", "Cohen's kappa over n_levels"),
    LIMITS("kappa", "bootstrap of patients, percentile"),
    LIMITS("kappa_bca", "bootstrap of patients, BCa"),
    SHARE("ac1", "Gwet's AC1 over n_levels"),
    LIMITS("ac1", "bootstrap of patients, percentile"),
    LIMITS("ac1_bca", "bootstrap of patients, BCa"),
    NOTE,
};

static const dm_column froc[] = {
    TEXT("protocol", "", "protocol"),
    NUMBER("reach_mm", 0, "mm", "how far along the canal a candidate may lie from a leak to hit it"),
    TEXT("figure", "sensitivity|operating|wafroc",
         "sensitivity at a number of false marks; at the candidates accepted; weighted AFROC area over all "
         "candidates"),
    NUMBER("false_per_study", 4, "1",
           "sensitivity: allowed false marks per study; operating: those that there are"),
    NUMBER("threshold", 3, "1", "lowest score of the candidates taken; empty when all are"),
    SHARE("value", "leaks hit / leaks, or the area"),
    LIMITS("value", "bootstrap of patients, percentile"),
    LIMITS("value_bca", "bootstrap of patients, BCa"),
    COUNTED("n_patients", "patients"),
    COUNTED("n_studies", "studies that did not fail and have a reference, repeated ones too"),
    COUNTED("n_negative", "of these without a leak"),
    COUNTED("n_leaks", "leaks over all studies"),
    NOTE,
};

static const dm_column rounds[] = {
    TEXT("patient_id", "", "keyed pseudonym of the patient"),
    COUNTED("sequence", "1 = before any treatment; a treatment begins the next"),
    COUNTED("round", "order of the study within the patient, over all sequences"),
    TEXT("study_id", "", "keyed pseudonym of the study"),
    TEXT("protocol", "", "its protocol"),
    TEXT("answer", SAID, "what this round said"),
    TEXT("class", CLASSES, "class of its site"),
    TEXT("level", "", "level of its site"),
    TEXT("side", "ventral|dorsal|left|right", "side of its site"),
    NUMBER("interval_mm", 1, "mm", "length of canal that should hold the site in nine of ten studies"),
    TEXT("added", "first_leak|new_site|confirmed|lost|nothing",
         "against the earlier rounds of the sequence: a leak where none was reported; another site; the same "
         "within one "
         "level; no leak after one was reported; nothing"),
    TEXT("agreement", "exact|within_1|different", "level against the latest earlier round with a leak"),
    COUNTED("found_so_far", "1 = a leak was reported in this round or an earlier one of the sequence"),
    TEXT("treated_before", "", "treatment that begins this sequence"),
    TEXT("reference", "leak|none|contradicted", "what the reference says of this study"),
    NOTE,
};

static const dm_column yield[] = {
    COUNTED("round", "round within the sequence"),
    COUNTED("n", "sequences before any treatment that have this round"),
    COUNTED("n_open", "of these without a leak reported before"),
    COUNTED("n_new", "of these with a leak reported now"),
    SHARE("yield", "n_new / n_open"),
    WILSON("yield"),
    COUNTED("n_found", "sequences with a leak reported in this round or before"),
    COUNTED("n_sequences", "all sequences before any treatment"),
    SHARE("cumulative", "n_found / n_sequences"),
    WILSON("cumulative"),
    COUNTED("n_compared", "rounds with a leak after an earlier one with a leak, both with a level"),
    COUNTED("n_exact", "of these at the same level"),
    COUNTED("n_within_1", "of these at most one level apart"),
    SHARE("level_within_1", "n_within_1 / n_compared"),
    WILSON("level_within_1"),
    NOTE,
};

static const dm_column patients[] = {
    TEXT("patient_id", "", "keyed pseudonym of the patient"),
    COUNTED("sequence", "1 = before any treatment; a treatment begins the next"),
    COUNTED("n_rounds", "studies in the sequence"),
    TEXT("answer", SAID,
         "over all rounds: leak when any round says so, else no_leak when any does, else indeterminate"),
    COUNTED("first_found", "round of the first leak, within the patient"),
    TEXT("best_study_id", "",
         "study of the best site: the one with the shortest interval_mm, the later of equals"),
    TEXT("best_protocol", "", "its protocol"),
    TEXT("class", CLASSES, "class of the best site"),
    TEXT("level", "", "level of the best site"),
    TEXT("side", "ventral|dorsal|left|right", "side of the best site"),
    NUMBER("interval_mm", 1, "mm", "length of canal that should hold it in nine of ten studies"),
    COUNTED("n_sites", "rounds with a leak and a level"),
    COUNTED("n_agree", "of these within one level of the best site"),
    TEXT("treated_before", "", "treatment that begins this sequence"),
    TEXT("reference", "leak|none|contradicted", "what the reference says of the sequence's studies"),
    NUMBER("r_out", 2, "mmHg/(mL/min)",
           "resistance to outflow: (plateau - baseline) / rate of the infusion test"),
    NUMBER("sheath_change_mm", 2, "mm", "optic nerve sheath diameter, upright - supine"),
    NUMBER("opening_cmh2o", 1, "cmH2O",
           "opening pressure; it does not tell leaks from none and is no evidence here"),
    COUNTED("bern_score", "Bern score, 0 to 9; empty when a part is missing"),
    TEXT("bern_band", "low|intermediate|high", "low up to 2, intermediate 3 and 4, high from 5"),
    TEXT("indirect_evidence", "leak|no_leak|mixed|unclear",
         "of the tests done: R_out at most 5 speaks for a leak, above against; a high score for, a low one "
         "against; the "
         "sheath only with --sheath-cut; mixed = they contradict; unclear = only an intermediate score"),
    NOTE,
};

static const dm_column indirect[] = {
    TEXT("direct", SAID, "answer over the rounds of a patient's first sequence"),
    TEXT("indirect", "leak|no_leak|mixed|unclear", "indirect evidence; empty = no test on record"),
    COUNTED("n", "patients"),
    SHARE("share", "of the patients with this direct answer and indirect evidence on record"),
    WILSON("share"),
    NOTE,
};

static const dm_column unmatched[] = {
    TEXT("file", "", "table that the row stands in"),
    COUNTED("line", "its line; empty for a study"),
    TEXT("study_id", "", "keyed pseudonym of the study, where known"),
    TEXT("patient_id", "", "keyed pseudonym of the patient, where known"),
    TEXT("kind",
         "row_without_study|study_without_reference|contradiction|outranked|position_unused|treatment_unused|"
         "clinical_unused|order_unknown",
         "what does not fit"),
    TEXT("reason", "", "why, and the cure"),
};

static const dm_column participants[] = {
    TEXT("what", "", "what is counted; the names after unmatched_ are the kinds of unmatched.csv"),
    COUNTED("n", "how many"),
};

const dm_table dm_compare_schema[DM_COMPARE_TABLES] = {
    [DM_PROTOCOLS] = {"protocols",
                      "a protocol, or a stratum of it, with one way of counting studies that cannot tell",
                      protocols, COUNT(protocols)},
    [DM_PAIRS] = {"pairs", "a measure of two protocols, in the same patients or in different ones", pairs,
                  COUNT(pairs)},
    [DM_FROC] = {"froc", "a figure of a protocol's FROC or weighted AFROC curve", froc, COUNT(froc)},
    [DM_ROUNDS] = {"rounds", "a study in its patient's order of rounds", rounds, COUNT(rounds)},
    [DM_YIELD] = {"yield", "the n-th round before any treatment, over all patients", yield, COUNT(yield)},
    [DM_PATIENTS] = {"patients", "a patient's sequence of rounds between treatments", patients,
                     COUNT(patients)},
    [DM_INDIRECT] = {"indirect", "direct against indirect evidence: a cell of the cross table", indirect,
                     COUNT(indirect)},
    [DM_UNMATCHED] = {"unmatched", "what did not fit together and is in no count, or only in part", unmatched,
                      COUNT(unmatched)},
    [DM_PARTICIPANTS] = {"participants", "a count on the way from the tables to the comparison", participants,
                         COUNT(participants)},
};
