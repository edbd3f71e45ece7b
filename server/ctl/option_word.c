#include "option_word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/limits.h>

#define NAME_SIZE 48

uint64_t vx_ctl_word_number(const char *option, const char *word, uint64_t most,
                            const struct argp_state *state)
{
    char *end = NULL;
    unsigned long long count = 0;

    errno = 0;
    count = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || count < 1 || count > most)
        argp_error(state, "--%s: expected a number from 1 to %llu, found '%s'", option,
                   (unsigned long long)most, word);
    return count;
}

uint64_t vx_ctl_word_count(const char *option, const char *word, const struct argp_state *state)
{
    return vx_ctl_word_number(option, word, VX_ROUNDS_MAX, state);
}

const char *vx_ctl_word_path(const char *option, const char *word, const struct argp_state *state)
{
    if (word[0] == '\0')
        argp_error(state, "--%s: expected a path", option);
    return word;
}

vx_status vx_ctl_parse_as(const char *name, const struct argp *argp, unsigned flags, int argc,
                          char **argv, void *input, vx_error *err)
{
    char shown[NAME_SIZE];
    char *word = argv[0];
    error_t failure = 0;

    (void)snprintf(shown, sizeof(shown), "%s", name);
    argv[0] = shown;
    failure = argp_parse(argp, argc, argv, flags, NULL, input);
    argv[0] = word;
    return failure == 0 ? VX_OK : vx_fail(err, VX_ERR_SYSTEM, "options: %s", strerror(failure));
}
