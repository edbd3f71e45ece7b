#ifndef VX_CTL_TABLE_H
#define VX_CTL_TABLE_H
#include <stdio.h>

#include "document.h"

/* What `vexil status` prints of a status document: the head, then a line a slot. */
void vx_ctl_table_print(FILE *out, const json_t *root);

/* What `vexil train` prints at the end of a run. root: the document that result was read from, for
 * its slots; may be NULL. */
void vx_ctl_result_print(FILE *out, const vx_ctl_result *result, const json_t *root,
                         const char *run_dir);
#endif
