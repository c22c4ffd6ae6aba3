/* What a DICOM object is, by its SOP class. */
#ifndef DM_SOP_CLASS_H
#define DM_SOP_CLASS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dm_sop_kind {
    DM_SOP_CT,        /* CT and enhanced CT: measured */
    DM_SOP_MR,        /* MR and enhanced MR: measured */
    DM_SOP_XRAY,      /* angiography and fluoroscopy: kept for a later stage, catalogued, not measured */
    DM_SOP_DIRECTORY, /* DICOMDIR */
    DM_SOP_IGNORED,   /* known, and no picture that is measured */
    DM_SOP_UNKNOWN
} dm_sop_kind;

/* *name: for a person; of an unknown class "". uid "" (objects older than SOP classes) is judged by the modality. */
dm_sop_kind dm_sop_class(const char *uid, const char *modality, const char **name);

#ifdef __cplusplus
}
#endif

#endif
