#include "verbs.h"
int dm_verb_submit(int argc, char **argv) { (void)argc; (void)argv; return 1; }
