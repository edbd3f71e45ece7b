#ifndef VX_TEST_VEXIL_H
#define VX_TEST_VEXIL_H
#include <vx_test/check.h>

extern char vexil_output[65536]; /* of the last command, standard output and error */

/* Runs vexil with these words, up to NULL, in a child, as wrong use ends the program. Returns the
 * exit code. */
int vexil(const char *const *words);

/* Fails when vexil_output does not hold the text. */
void vexil_says(const char *text);
#endif
