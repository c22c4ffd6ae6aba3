#include "tables.h"

#define TEXT(name, levels, meaning) {name, DM_TEXT, 0, "", levels, meaning}
#define NUMBER(name, decimals, unit, meaning) {name, DM_NUMBER, decimals, unit, "", meaning}
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

#define CLASSES \
    "none|ventral_tear|lateral_tear|dorsal_tear|diverticulum_leak|csf_venous_fistula|sacral|indeterminate"
#define SIGNS "c1c2|puncture|spur|renal|calcification|epidural_injection|iv_contrast|metal|motion|bowel"
#define SIDES "ventral|dorsal|left|right"
#define STUDY TEXT("study_id", "", "keyed pseudonym of the study")
#define PLACE                                                                              \
    NUMBER("x_mm", 1, "mm", "DICOM patient coordinate, towards the patient's left"),       \
        NUMBER("y_mm", 1, "mm", "DICOM patient coordinate, towards the patient's back"),   \
        NUMBER("z_mm", 1, "mm", "DICOM patient coordinate, towards the patient's head")

static const dm_column studies[] = {
    STUDY,
    TEXT("patient_id", "", "keyed pseudonym of the patient"),
    NUMBER("round", 0, "1", "order of this study among the patient's studies; empty when unknown"),
    TEXT("protocol", "", "protocol file whose rules matched"),
    TEXT("modality", "CT|MR", "modality"),
    TEXT("status", "ok|warning|failed", "whether the study was measured"),
    TEXT("error_code", "", "stable code of what went wrong"),
    TEXT("error_text", "", "what went wrong and the cure"),
    TEXT("answer", "leak|no_leak|indeterminate", "is cerebrospinal fluid or contrast outside the dura"),
    NUMBER("score", 3, "1", "score of the finding that decides: its probability, calibrated on digital phantoms"),
    NUMBER("n_leaks", 0, "1", "accepted findings"),
    TEXT("class", CLASSES, "class of the best accepted finding"),
    TEXT("level", "", "its level: disc for ventral and dorsal sites, root for lateral ones and fistulas; empty where the site cannot be placed (site_unplaced in qc)"),
    TEXT("level_alt", "", "the level under the second best numbering of the spine"),
    TEXT("side", SIDES, "its side, the patient's"),
    NUMBER("clock", 1, "h", "its angle round the canal: 12 dorsal, 3 the patient's left, 6 ventral"),
    PLACE,
    NUMBER("s_mm", 1, "mm", "its distance along the canal from the upper end of the centre line"),
    NUMBER("interval_mm", 1, "mm", "length of canal that should hold the site in nine of ten studies"),
    NUMBER("slec", 0, "1", "1 = a long extradural collection"),
    TEXT("slec_from", "", "uppermost vertebra of the collection"),
    TEXT("slec_to", "", "lowest vertebra of the collection"),
    NUMBER("n_diverticula", 0, "1", "meningeal diverticula"),
    NUMBER("largest_diverticulum_mm", 1, "mm", "diameter of the largest"),
    NUMBER("n_veins", 0, "1", "accepted fistula veins; empty: not assessed (MR, no contrast in the sac, no two vertebrae)"),
    TEXT("false_signs", "", "misleading signs seen, of findings or of the whole study, separated by ';'; names as in findings.false_sign"),
    TEXT("levels_covered", "", "first and last vertebra seen"),
    TEXT("count_method", "", "what the numbering stands on: skull, c2, ribs, sacrum, and what another series shows, as series:ribs; unanchored = a guess"),
    NUMBER("level_posterior", 2, "1", "posterior of the numbering written"),
    TEXT("transitional", "", "numbering variant that the evidence suggests"),
    NUMBER("sac_mean", 0, "HU or signal", "mean value of contrast or fluid in the sac where it is filled and the line is sure"),
    NUMBER("noise_sd", 1, "HU or signal", "noise"),
    TEXT("qc", "", "flags, separated by ';'"),
    TEXT("sex", "F|M|O", "sex of the patient as the images say"),
    TEXT("age_band", "", "age at the exam in bands of five years; 90+ from 90 on"),
    TEXT("scanner_maker", "", "maker of the scanner, from a closed list; other = not in it"),
    TEXT("scanner_model", "", "model of the scanner"),
    TEXT("exam_time", "", "date and time of the exam, shifted by 120 years and a secret amount of the patient's own: intervals "
                          "between a patient's exams are true, dates are not"),
};

static const dm_column passes[] = {
    STUDY,
    NUMBER("pass", 0, "1", "number of the volume within the study"),
    TEXT("role", "main|pre_contrast|early|late|left|right|repeat|levels", "what sets it apart from the other passes; pass 0 is the one measured, levels only helps to name the vertebrae"),
    TEXT("series_id", "", "keyed pseudonym of the series"),
    NUMBER("kvp", 0, "kV", "tube voltage"),
    TEXT("kernel", "", "reconstruction kernel"),
    NUMBER("slice_mm", 3, "mm", "step along the slice normal"),
    NUMBER("pixel_mm", 3, "mm", "step between columns"),
    NUMBER("nx", 0, "1", "columns"),
    NUMBER("ny", 0, "1", "rows"),
    NUMBER("nz", 0, "1", "slices"),
    NUMBER("tilt_deg", 2, "deg", "gantry tilt, from the slice positions"),
    NUMBER("gaps", 0, "1", "missing slices that were interpolated, where the protocol allows it"),
    TEXT("position", "", "patient position tag; not used for sides"),
    NUMBER("seconds_after_first", 1, "s", "time after the first pass"),
    TEXT("transfer_syntax", "", "UID of the stored coding"),
    NUMBER("lossy", 0, "1", "1 = lossy compression in the images' history"),
};

static const dm_column findings[] = {
    STUDY,
    NUMBER("finding", 0, "1", "number within the study, best score first"),
    TEXT("class", CLASSES, "class"),
    NUMBER("score", 3, "1", "probability, calibrated on digital phantoms: of a pool, contrast outside the dura; of a vein, a fistula's, given one at most in a study"),
    NUMBER("accepted", 0, "1", "1 = counts for the study's answer"),
    TEXT("level_disc", "", "nearest disc"),
    TEXT("level_root", "", "nearest root"),
    TEXT("level_alt", "", "disc under the second best numbering"),
    TEXT("side", SIDES, "side, the patient's"),
    NUMBER("clock", 1, "h", "12 dorsal, 3 the patient's left, 6 ventral"),
    PLACE,
    NUMBER("s_mm", 1, "mm", "site along the canal"),
    NUMBER("s_from_mm", 1, "mm", "upper end of the extent"),
    NUMBER("s_to_mm", 1, "mm", "lower end of the extent"),
    NUMBER("volume_mm3", 0, "mm3", "volume outside the dura"),
    NUMBER("peak_ratio", 2, "1", "largest ratio to the sac"),
    NUMBER("peak_value", 0, "HU or signal", "largest value"),
    TEXT("false_sign", SIGNS, "a sign known to mislead: never given as the site"),
    NUMBER("first_pass", 0, "1", "first pass in which it is seen"),
    NUMBER("site_from_mm", 1, "mm", "upper end of the stretch that should hold the site in nine of ten studies, along the centre line; empty for a false sign"),
    NUMBER("site_to_mm", 1, "mm", "its lower end"),
    NUMBER("placed", 0, "1", "0 = that stretch covers more than three vertebrae: the site is not known, and disc, root and s_mm are the middle of what is possible; empty for a false sign, whose disc, root and s_mm are its own middle"),
    NUMBER("early_late", 2, "1", "brightness in the first pass as a share of the last's; empty with one pass"),
};

static const dm_column diverticula[] = {
    STUDY,
    TEXT("level_root", "", "root"),
    TEXT("side", "left|right", "side, the patient's"),
    PLACE,
    NUMBER("diameter_mm", 1, "mm", "largest diameter at half maximum"),
    NUMBER("volume_mm3", 0, "mm3", "volume above half of its brightness, lobes included"),
    NUMBER("prominent", 0, "1", "1 = larger than 6 mm"),
    NUMBER("leaking", 0, "1", "1 = joined to a pool that is longer than itself"),
    NUMBER("score", 2, "1", "probability of a diverticulum (logistic in what is measured, from digital phantoms); a cyst in the sacrum: share of its edge that is seen, no probability"),
    NUMBER("other_side_mm", 1, "mm", "width of the sleeve or diverticulum at the same root on the other side; empty where none shows"),
};

static const dm_column levels[] = {
    STUDY,
    TEXT("level", "", "vertebra"),
    PLACE,
    NUMBER("s_mm", 1, "mm", "mid-body along the canal"),
    NUMBER("canal_ap_mm", 1, "mm", "bony canal at mid-body, front to back; empty, as all measures of the vertebra, where the line is unsure"),
    NUMBER("canal_tr_mm", 1, "mm", "bony canal at mid-body, side to side"),
    NUMBER("canal_area_mm2", 0, "mm2", "bony canal at mid-body"),
    NUMBER("sac_ap_mm", 1, "mm", "sac at mid-body, front to back; empty where it is not filled"),
    NUMBER("sac_tr_mm", 1, "mm", "sac at mid-body, side to side"),
    NUMBER("sac_area_mm2", 0, "mm2", "sac at mid-body"),
    NUMBER("sac_mean", 0, "HU or signal", "contrast or fluid in the sac, mean over the vertebra"),
    NUMBER("extradural_mm3", 0, "mm3", "volume of the epidural shell with E of at least 0.2, disc to disc"),
};

static const dm_column exclusions[] = {
    STUDY,
    TEXT("series_id", "", "keyed pseudonym of the series; empty for the whole study"),
    TEXT("stage", "", "where it was left out"),
    TEXT("reason", "", "why"),
};

static const dm_column run[] = {
    STUDY,
    TEXT("version", "", "version of the program"),
    TEXT("config_digest", "", "SHA-256 of every value of the protocols"),
    TEXT("device", "", "OpenCL device"),
    TEXT("driver", "", "its driver"),
    TEXT("host", "", "name of the computer"),
    NUMBER("seconds", 2, "s", "whole study, without reading the archive"),
    NUMBER("seconds_ingest", 2, "s", "reading the archive (all its studies)"),
    NUMBER("seconds_crop", 2, "s", "stage"),
    NUMBER("seconds_denoise", 2, "s", "stage"),
    NUMBER("seconds_spine", 2, "s", "stage"),
    NUMBER("seconds_canal", 2, "s", "stage"),
    NUMBER("seconds_levels", 2, "s", "stage"),
    NUMBER("seconds_map", 2, "s", "stage"),
    NUMBER("seconds_findings", 2, "s", "stage"),
    NUMBER("seconds_localise", 2, "s", "stage"),
    NUMBER("seconds_pictures", 2, "s", "pictures"),
    NUMBER("bytes_read", 0, "B", "bytes read from the archive"),
    NUMBER("peak_bytes", 0, "B", "largest memory of the measuring process so far"),
    TEXT("selftest", "passed|skipped", "self-test of the kernels before the first study"),
    NUMBER("wait_input", 2, "s", "the device stood still before this study: none was read yet"),
    NUMBER("wait_device", 2, "s", "the study was read and waited for the device"),
    NUMBER("wait_output", 2, "s", "the device stood still after this study: the one before was still being written"),
    NUMBER("seconds_kernels", 2, "s", "kernels ran on the device, by its own clock"),
};

const dm_table dm_tables[] = {
    {"studies", "a study: one row each, always, also when it failed", studies, COUNT(studies)},
    {"passes", "a volume used: pass 0 is measured, the others are kept beside it", passes, COUNT(passes)},
    {"findings", "a candidate: a pool outside the dura or a vein", findings, COUNT(findings)},
    {"diverticula", "a meningeal diverticulum", diverticula, COUNT(diverticula)},
    {"levels", "a vertebra seen", levels, COUNT(levels)},
    {"exclusions", "a series or study left out, and why", exclusions, COUNT(exclusions)},
    {"run", "what a study cost: times and hosts, the one table that differs between equal runs", run, COUNT(run)},
};
const int dm_table_count = COUNT(dm_tables);
