#ifndef VX_AGENT_LAUNCHER_H
#define VX_AGENT_LAUNCHER_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>

/* How the ranks of one worker are started: every rule about the launcher of a group is here. */

#define VX_LAUNCHER_WORDS_MAX 64

typedef enum vx_launcher_kind { VX_LAUNCHER_OPEN_MPI, VX_LAUNCHER_MPICH } vx_launcher_kind;

/* What a launcher says of itself with --version. False: neither of the two. */
bool vx_launcher_recognise(const char *said, vx_launcher_kind *ret_kind);

typedef struct vx_launcher_command {
    char *words[VX_LAUNCHER_WORDS_MAX + 1]; /* ends with NULL; borrowed */
    char *given;                            /* owned: what the first words are cut from */
    char count[12];
} vx_launcher_command;

/*
 * launcher (words between spaces) and what it needs to start `ranks` of program. The ranks are on
 * this host and bound to no core, unless there are more words than one: then it is told nothing but
 * the number, and Open MPI's that it may run as root. Open MPI's puts its files into folder
 * (borrowed), unless that is NULL; windows of shared memory only when that is one of /dev/shm,
 * since a disk would have to write them again and again. VX_ERR_USAGE: no word or too many;
 * VX_ERR_NOMEM.
 */
VX_MUST_CHECK vx_status vx_launcher_words(const char *launcher, vx_launcher_kind kind, bool root,
                                          uint32_t ranks, char *folder, char *program,
                                          vx_launcher_command *ret_command, vx_error *err);
void vx_launcher_words_clear(vx_launcher_command *command);

/* One word: it says nothing of where ranks are. */
bool vx_launcher_is_bare(const char *launcher);

/* Asks the launcher for its version, for 10 s at most. VX_ERR_UNAVAILABLE says what was tried and
 * what came of it; VX_ERR_USAGE and VX_ERR_NOMEM as above; VX_ERR_SYSTEM: no process. */
VX_MUST_CHECK vx_status vx_launcher_ask(const char *launcher, vx_launcher_kind *ret_kind,
                                        vx_error *err);

/* supervise.c: takes out of this process's environment what a launcher set for its own. */
void vx_agent_clean_environment(void);
#endif
