#ifndef VX_TOOL_TOOL_H
#define VX_TOOL_TOOL_H
#include <stdbool.h>

/*
 * What a worker would compute, for people: `vexil gradient`, `evaluate`, `gradcheck`,
 * `likelihoods`, `reference`, and `model`, which `vexil check` uses. vexil(1) tells of them.
 * Without a server.
 */
bool vx_tool_is(const char *word);

/* argv[0] is the word. Prints; returns the exit code. */
int vx_tool_main(int argc, char **argv);
#endif
