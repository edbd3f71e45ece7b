#ifndef VX_BASE_PROGRAM_H
#define VX_BASE_PROGRAM_H

/* Where a program is that can be run. Each result is new memory, NULL when there is none or memory
 * is out. No locks: safe from any thread while none changes the environment. */

char *vx_program_beside(const char *name);  /* in the folder of our own executable */
char *vx_program_in_path(const char *name); /* in a folder of PATH; an empty one is "." */

/* The one beside us, else the name, which execvp looks for in PATH. */
char *vx_program_or_name(const char *name);
#endif
