#ifndef VX_CTL_CTL_H
#define VX_CTL_CTL_H

/* The program vexil: reads the command line, does it, returns the exit code. See vexil(1). */
int vx_ctl_main(int argc, char **argv);
#endif
