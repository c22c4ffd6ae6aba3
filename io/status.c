#include "status.h"

#include <stdarg.h>
#include <stdio.h>

const dm_status dm_ok = {DM_OK, "", ""};

dm_status dm_fail(dm_severity severity, const char *code, const char *format, ...) {
    dm_status s = {severity, "", ""};
    snprintf(s.code, sizeof s.code, "%s", code);
    va_list args;
    va_start(args, format);
    vsnprintf(s.text, sizeof s.text, format, args);
    va_end(args);
    for (char *c = s.text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
    return s;
}

int dm_good(dm_status s) {
    return s.severity <= DM_WARN;
}

dm_status dm_worse(dm_status a, dm_status b) {
    return b.severity > a.severity ? b : a;
}
