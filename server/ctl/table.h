#ifndef VX_CTL_TABLE_H
#define VX_CTL_TABLE_H
#include <stdio.h>

#include "document.h"

/* One line that names a minority of slots whose last gradients the rule has all but left out, or
 * that sent what is no gradient; nothing when there is none. slots of a status document or a
 * result. */
void vx_ctl_suspects_print(FILE *out, const json_t *slots);

/* What `vexil status` prints of a status document: the head, then a line a slot; 80 columns. */
void vx_ctl_table_print(FILE *out, const json_t *root);

/* What `vexil train` prints at the end of a run. */
void vx_ctl_result_print(FILE *out, const vx_ctl_result *result, const char *run_dir);
#endif
