/* What the dicom*.cc files share. */
#ifndef DM_DICOM_PARTS_HH
#define DM_DICOM_PARTS_HH

#include "dicom.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

struct dm_dicom {
    unsigned char *bytes; /* owned: large values stay here and are read when they are asked for */
    size_t size;
    DcmFileFormat file;
    dm_instance whole; /* what the object says of all its frames */
    dm_instance facts; /* of the first frame */
    size_t pixels_at; /* where plain pixels lie in bytes, in this machine's order; 0 = not known */
    /* Where the frame after the last one read begins, so that going through them in order does not search each time. */
    int next_frame;
    Uint32 next_fragment;
};

/* dicom.cc: the names and kinds of all values, which objects need that do not say the kinds themselves, those whose coding is to be
 * guessed, and those that are written. STUDY "no_dictionary". Threads may call it. */
dm_status dm_dicom_dictionary(void);
/* dicom_facts.cc: fills facts from a data set; the first frame's own values are laid over them. */
void dm_dicom_read_facts(DcmDataset *set, dm_instance *f);
/* dicom_facts.cc: the text of a short element, "" when it is missing, long or no text. */
void dm_dicom_text(DcmItem *d, const DcmTagKey &key, char *out, size_t size);
/* dicom_pixels.cc: "damaged_dicom" when fewer bytes are there than rows, columns, bits and frames ask for. */
dm_status dm_dicom_check_length(const dm_dicom *d);

#endif
