#ifndef VX_SIMULATION_WRAP_H
#define VX_SIMULATION_WRAP_H
#include <stdbool.h>
#include <stddef.h>

/*
 * What the linker puts in the place of calls that the programs make to the C library and that the
 * tables of the programs do not cover: pid, host name, sleep, end of the process, the heap. With a
 * program current they mean that program; with none, the C library's own.
 */
void *sim_real_calloc(size_t count, size_t size);
_Noreturn void sim_real_exit(int code);
void sim_wrap_count(bool on); /* whether the heap is the current program's; on at first */
#endif
