#ifndef VX_BASE_DESCRIPTORS_H
#define VX_BASE_DESCRIPTORS_H
#include <stdbool.h>
#include <stdint.h>

/*
 * The limit of open files and connections: what it is, and what to say of it.
 */

/* EMFILE: this process has no file descriptor left; ENFILE: the host has none. */
bool vx_descriptors_ran_out(int error);

/* strerror(error), and for those two the limit with its number and name: "Too many open files: 64
 * in this process (ulimit -n)". Returns text. */
#define VX_ERRNO_TEXT_SIZE 160
const char *vx_errno_text(int error, char text[VX_ERRNO_TEXT_SIZE]);

/* Raises this process's own limit to at_least where the hard one allows it; never lowers it.
 * Returns what it is then. */
uint64_t vx_descriptors_raise(uint64_t at_least);
#endif
