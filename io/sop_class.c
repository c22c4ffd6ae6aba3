#include "sop_class.h"

#include <string.h>

/* UIDs below 1.2.840.10008.5.1.4.1.1 (PS3.4 annex B.5). A class that ends with '*' stands for all below it. */
static const struct {
    const char *uid;
    dm_sop_kind kind;
    const char *name;
} classes[] = {
    {".2", DM_SOP_CT, "CT Image"},
    {".2.1", DM_SOP_CT, "Enhanced CT Image"},
    {".2.2", DM_SOP_CT, "Legacy Converted Enhanced CT Image"},
    {".4", DM_SOP_MR, "MR Image"},
    {".4.1", DM_SOP_MR, "Enhanced MR Image"},
    {".4.4", DM_SOP_MR, "Legacy Converted Enhanced MR Image"},
    {".4.2", DM_SOP_IGNORED, "MR Spectroscopy"},
    {".4.3", DM_SOP_IGNORED, "Enhanced MR Color Image"},
    {".12.1", DM_SOP_XRAY, "X-Ray Angiographic Image"},
    {".12.1.1", DM_SOP_XRAY, "Enhanced XA Image"},
    {".12.2", DM_SOP_XRAY, "X-Ray Radiofluoroscopic Image"},
    {".12.2.1", DM_SOP_XRAY, "Enhanced XRF Image"},
    {".12.3", DM_SOP_XRAY, "X-Ray Angiographic Bi-Plane Image"},
    {".13.1.*", DM_SOP_IGNORED, "X-Ray 3D or Breast Tomosynthesis Image"},
    {".1", DM_SOP_IGNORED, "Computed Radiography Image"},
    {".1.*", DM_SOP_IGNORED, "Digital X-Ray Image"},
    {".3.*", DM_SOP_IGNORED, "Ultrasound Multi-frame Image"},
    {".5", DM_SOP_IGNORED, "Nuclear Medicine Image (retired)"},
    {".6", DM_SOP_IGNORED, "Ultrasound Image (retired)"},
    {".6.*", DM_SOP_IGNORED, "Ultrasound Image"},
    {".7", DM_SOP_IGNORED, "Secondary Capture Image"},
    {".7.*", DM_SOP_IGNORED, "Multi-frame Secondary Capture Image"},
    {".8", DM_SOP_IGNORED, "Overlay"},
    {".9", DM_SOP_IGNORED, "Curve"},
    {".9.*", DM_SOP_IGNORED, "Waveform"},
    {".10", DM_SOP_IGNORED, "Modality LUT"},
    {".11", DM_SOP_IGNORED, "VOI LUT"},
    {".11.*", DM_SOP_IGNORED, "Presentation State"},
    {".14.*", DM_SOP_IGNORED, "Intravascular Optical Coherence Tomography Image"},
    {".20", DM_SOP_IGNORED, "Nuclear Medicine Image"},
    {".30", DM_SOP_IGNORED, "Parametric Map"},
    {".66", DM_SOP_IGNORED, "Raw Data"},
    {".66.1", DM_SOP_IGNORED, "Spatial Registration"},
    {".66.2", DM_SOP_IGNORED, "Spatial Fiducials"},
    {".66.3", DM_SOP_IGNORED, "Deformable Spatial Registration"},
    {".66.4", DM_SOP_IGNORED, "Segmentation"},
    {".66.*", DM_SOP_IGNORED, "Surface, Tractography or Label Map"},
    {".67", DM_SOP_IGNORED, "Real World Value Mapping"},
    {".68.*", DM_SOP_IGNORED, "Surface Scan"},
    {".77.*", DM_SOP_IGNORED, "Visible Light Image"},
    {".78.*", DM_SOP_IGNORED, "Ophthalmic Measurement"},
    {".79.*", DM_SOP_IGNORED, "Ophthalmic Report"},
    {".80.*", DM_SOP_IGNORED, "Ophthalmic Map"},
    {".81.*", DM_SOP_IGNORED, "Ophthalmic Map"},
    {".82.*", DM_SOP_IGNORED, "Ophthalmic Map"},
    {".88.59", DM_SOP_IGNORED, "Key Object Selection"},
    {".88.67", DM_SOP_IGNORED, "X-Ray Radiation Dose SR"},
    {".88.*", DM_SOP_IGNORED, "Structured Report"},
    {".90.*", DM_SOP_IGNORED, "Content Assessment"},
    {".104.1", DM_SOP_IGNORED, "Encapsulated PDF"},
    {".104.2", DM_SOP_IGNORED, "Encapsulated CDA"},
    {".104.*", DM_SOP_IGNORED, "Encapsulated Document"},
    {".128", DM_SOP_IGNORED, "PET Image"},
    {".128.1", DM_SOP_IGNORED, "Legacy Converted Enhanced PET Image"},
    {".129", DM_SOP_IGNORED, "Standalone PET Curve"},
    {".130", DM_SOP_IGNORED, "Enhanced PET Image"},
    {".131", DM_SOP_IGNORED, "Basic Structured Display"},
    {".200.*", DM_SOP_IGNORED, "CT or XA Protocol"},
    {".201.*", DM_SOP_IGNORED, "Inventory"},
    {".481.1", DM_SOP_IGNORED, "RT Image"},
    {".481.2", DM_SOP_IGNORED, "RT Dose"},
    {".481.3", DM_SOP_IGNORED, "RT Structure Set"},
    {".481.5", DM_SOP_IGNORED, "RT Plan"},
    {".481.*", DM_SOP_IGNORED, "RT Object"},
};

static int is_class(const char *below, const char *pattern) {
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? !strncmp(below, pattern, n - 1) : !strcmp(below, pattern);
}

dm_sop_kind dm_sop_class(const char *uid, const char *modality, const char **name) {
    static const char storage[] = "1.2.840.10008.5.1.4.1.1";
    *name = "";
    if (!strcmp(uid, "1.2.840.10008.1.3.10")) {
        *name = "Media Storage Directory";
        return DM_SOP_DIRECTORY;
    }
    if (!uid[0] && !strcmp(modality, "CT")) return DM_SOP_CT;
    if (!uid[0] && !strcmp(modality, "MR")) return DM_SOP_MR;
    if (strncmp(uid, storage, sizeof storage - 1) != 0) return DM_SOP_UNKNOWN;
    for (unsigned i = 0; i < sizeof classes / sizeof *classes; i++)
        if (is_class(uid + sizeof storage - 1, classes[i].uid)) {
            *name = classes[i].name;
            return classes[i].kind;
        }
    return DM_SOP_UNKNOWN;
}
