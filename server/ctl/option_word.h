#ifndef VX_CTL_OPTION_WORD_H
#define VX_CTL_OPTION_WORD_H
#include <stdint.h>

#include <argp.h>

#include <vx_base/status.h>

/* What every command of vexil reads alike. A wrong word ends the program as argp does, with 2. */

/* A number from 1 to most. option is named without its dashes. */
uint64_t vx_ctl_word_number(const char *option, const char *word, uint64_t most,
                            const struct argp_state *state);
/* The same up to VX_ROUNDS_MAX. */
uint64_t vx_ctl_word_count(const char *option, const char *word, const struct argp_state *state);

/* A path that is not empty: the word itself. */
const char *vx_ctl_word_path(const char *option, const char *word, const struct argp_state *state);

/* argp_parse with another name of the program, for its messages. Its parsers end the program on
 * every mistake; a status is the machine's. */
VX_MUST_CHECK vx_status vx_ctl_parse_as(const char *name, const struct argp *argp, unsigned flags,
                                        int argc, char **argv, void *input, vx_error *err);
#endif
