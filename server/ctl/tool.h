#ifndef VX_CTL_TOOL_H
#define VX_CTL_TOOL_H
#include <stdbool.h>
#include <stddef.h>

/*
 * Commands that compute with a model: it lives in the program of the workers, which is started for
 * them with the same words and gives its exit code. The server's side links no model.
 */
bool vx_ctl_tool_is(const char *word);

/* argv[0] is the word. Does not return when all is well: this process becomes vexil-compute. */
int vx_ctl_tool(char **argv);

/* Prints the model of a job behind it, as comments of YAML, or why that is not known. */
void vx_ctl_tool_model(const char *job, const char *const *overrides, size_t overrides_count);
#endif
