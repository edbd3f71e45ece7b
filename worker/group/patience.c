#include "group_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 600u
#define END_S      30u

static struct {
    char text[160];
    size_t size;
    int code; /* 0: nobody waits for anything */
    pid_t launcher;
} last_words; /* a signal's handler gets no argument */

/* MPI can only be waited for, and a launcher that cannot reach a host ignores what it is asked.
 * With it the ranks of this host end at once, see PR_SET_PDEATHSIG; those of others when their
 * daemon misses it. */
static void end_the_group(int number)
{
    static const struct timespec heard = { 1, 0 }; /* the launcher hands our words on */
    ssize_t written = write(STDERR_FILENO, last_words.text, last_words.size);

    (void)number;
    (void)written;
    (void)nanosleep(&heard, NULL);
    if (getppid() == last_words.launcher) /* else it is dead, and another's process is our parent */
        (void)kill(last_words.launcher, SIGKILL);
    _exit(last_words.code);
}

static void say(const vx_group *group, const char *what, unsigned seconds)
{
    int size = snprintf(last_words.text, sizeof(last_words.text),
                        "vexil-worker: slot %u: %s took its ranks more than %u s: the worker is "
                        "ended, see --group-timeout\n",
                        group->bootstrap.slot, what, seconds);

    last_words.size = size > 0 ? (size_t)size : 0;
    if (last_words.size >= sizeof(last_words.text))
        last_words.size = sizeof(last_words.text) - 1;
}

static void expect(const vx_group *group, const char *what, unsigned seconds)
{
    if (last_words.code == 0)
        return;
    say(group, what, seconds);
    (void)alarm(seconds);
}

void vx_group_know_launcher(void)
{
    last_words.launcher = getppid();
}

void vx_group_expect_start(const vx_group *group)
{
    struct sigaction action = { .sa_handler = end_the_group, .sa_flags = SA_RESTART };
    uint32_t given = group->bootstrap.group_s;

    if (getenv("OMPI_COMM_WORLD_SIZE") == NULL && getenv("PMI_SIZE") == NULL)
        return; /* our parent is no launcher, but somebody's shell */
    last_words.code = vx_status_exit_code(VX_ERR_SYSTEM);
    (void)sigaction(SIGALRM, &action, NULL);
    expect(group, "the start", given > PATIENCE_S ? given : PATIENCE_S);
}

void vx_group_expect_gradient(const vx_group *group, const vx_task *task)
{
    double twice_s = 2.0 * task->job->workers.deadline_s;
    unsigned seconds = twice_s > PATIENCE_S ? (unsigned)twice_s : PATIENCE_S;

    expect(group, "a gradient", group->bootstrap.group_s > 0 ? group->bootstrap.group_s : seconds);
}

void vx_group_expect_end(const vx_group *group)
{
    expect(group, "the end", END_S);
}

void vx_group_expect_nothing(void)
{
    (void)alarm(0);
}
