#include "dates.h"

#include <math.h>
#include <string.h>

/* The number that n digits stand for; -1 when one is none. */
static int digits(const char *text, int n) {
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = 10 * value + text[i] - '0';
    }
    return value;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

double dm_date_parse(const char *text) {
    size_t n = strlen(text);
    int dashes = n == 10 && text[4] == '-' && text[7] == '-';
    if (n != 8 && !dashes) return NAN;
    int y = digits(text, 4), m = digits(text + 4 + dashes, 2), d = digits(text + 6 + 2 * dashes, 2);
    if (y < 1800 || m < 1 || m > 12 || d < 1 || d > days_in(y, m)) return NAN;
    /* Years are counted from March, so that the leap day is a year's last. */
    int year = m > 2 ? y : y - 1, month = (m + 9) % 12;
    return 365.0 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d - 1 - 719468;
}

double dm_time_parse(const char *text) {
    char day[11];
    if (strlen(text) != 16 || text[10] != 'T' || text[13] != ':') return NAN;
    memcpy(day, text, 10);
    day[10] = 0;
    int hour = digits(text + 11, 2), minute = digits(text + 14, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return NAN;
    return 86400 * dm_date_parse(day) + 3600 * hour + 60 * minute;
}
