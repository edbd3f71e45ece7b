#ifndef VX_TESTS_GOLDEN_H
#define VX_TESTS_GOLDEN_H
#include <stdbool.h>

#include <vx_base/span.h>

/* A file of named blocks of numbers: "NAME rows cols", then the rows. */
typedef struct golden {
    char *text;
} golden;

golden golden_load(const char *path);
void golden_free(golden *file);
double golden_number(const golden *file, const char *name); /* "lam 0.5" */
bool golden_has(const golden *file, const char *name);
vx_mat golden_block(const golden *file, const char *name); /* owned: vx_free(at) */
/* What "# expect NAME: ... agrees to 1.2e-15" says. */
double golden_agreement(const golden *file, const char *name);
#endif
