/* Days and times of the calendar, as numbers. */
#ifndef DM_DATES_H
#define DM_DATES_H

/* Day of "2024-05-31" or "20240531", counted from 1970-01-01; NaN for a text that is no day from 1800 on. */
double dm_date_parse(const char *text);
/* Seconds from 1970-01-01 of "1904-05-31T08:15"; NaN for another text. */
double dm_time_parse(const char *text);

#endif
