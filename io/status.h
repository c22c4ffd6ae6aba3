/* The result of everything that can fail: a severity that says how far the failure reaches, a stable code for tables and
 * scripts, and a sentence for a person that names the file, what is wrong and the cure. A status holds no patient data:
 * never format a header value other than a UID of a standard (transfer syntax, SOP class) into it. */
#ifndef DM_STATUS_H
#define DM_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dm_severity {
    DM_OK = 0,    /* done */
    DM_WARN = 1,  /* done, but something was left out or repaired: flagged in the study's row */
    DM_STUDY = 2, /* this study failed; the others go on */
    DM_FATAL = 3  /* nothing can go on: no device, OUT not writable, configuration wrong */
} dm_severity;

typedef struct dm_status {
    dm_severity severity;
    char code[32];  /* lower_snake_case, stable: written into error_code */
    char text[480]; /* one line, no newline */
} dm_status;

extern const dm_status dm_ok;

dm_status dm_fail(dm_severity severity, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True when the work may go on (OK or WARN). */
int dm_good(dm_status s);

/* The graver of the two; the first where equal. */
dm_status dm_worse(dm_status a, dm_status b);

#define DM_TRY(expression)                                                                                   \
    do {                                                                                                     \
        dm_status dm_try_status_ = (expression);                                                             \
        if (dm_try_status_.severity > DM_WARN) return dm_try_status_;                                        \
    } while (0)

/* For functions with one clean-up label: needs a local `dm_status status` and a label `out`. */
#define DM_TRY_OUT(expression)                                                                               \
    do {                                                                                                     \
        status = (expression);                                                                               \
        if (status.severity > DM_WARN) goto out;                                                             \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
