/* What golden.c reads through golden_files.c. */
#ifndef RF_TESTS_GOLDEN_FILES_H
#define RF_TESTS_GOLDEN_FILES_H

#include "golden.h"

/* The lives of cases/ hold one array a PREFIX; here it becomes arrays PREFIX/NAME, as AIMET's own lives have them. */
void golden_unpack(golden *g);

#endif
