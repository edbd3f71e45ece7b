#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/clock.h>
#include <vx_base/descriptors.h>
#include <vx_base/file.h>

#include "folder.h"

#define ANSWER_S  10
#define SAID_MAX  4096
#define NOT_FOUND 127

bool vx_launcher_recognise(const char *said, vx_launcher_kind *ret_kind)
{
    if (strstr(said, "Open MPI") != NULL || strstr(said, "OpenRTE") != NULL) {
        *ret_kind = VX_LAUNCHER_OPEN_MPI;
        return true;
    }
    if (strstr(said, "HYDRA") != NULL || strstr(said, "MPICH") != NULL) {
        *ret_kind = VX_LAUNCHER_MPICH;
        return true;
    }
    return false;
}

/* ---- the command line ---- */

bool vx_launcher_is_bare(const char *launcher)
{
    launcher += strspn(launcher, " ");
    launcher += strcspn(launcher, " ");
    return launcher[strspn(launcher, " ")] == '\0';
}

static vx_status cut(const char *launcher, vx_launcher_command *command, size_t *ret_count,
                     vx_error *err)
{
    char *save = NULL;

    *ret_count = 0;
    command->given = vx_strdup(launcher);
    if (command->given == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (char *word = strtok_r(command->given, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        if (*ret_count == VX_LAUNCHER_WORDS_MAX / 2)
            return vx_fail(err, VX_ERR_USAGE, "--group-launcher: more than %d words",
                           VX_LAUNCHER_WORDS_MAX / 2);
        command->words[(*ret_count)++] = word;
    }
    return *ret_count > 0 ? VX_OK : vx_fail(err, VX_ERR_USAGE, "--group-launcher: no word");
}

/* Versions name things differently, and pass over a name that is not theirs: shared memory of
 * messages in 4 and in 5, session in 4 and in 5, shared memory of windows. */
static size_t add_folder(vx_launcher_command *command, size_t n, char *folder)
{
    static char mca[] = "--mca", vader[] = "btl_vader_backing_directory",
                sm[] = "btl_sm_backing_directory", session4[] = "orte_tmpdir_base",
                session5[] = "prte_tmpdir_base", windows[] = "osc_sm_backing_directory";
    static char *const names[] = { vader, sm, session4, session5, windows };
    size_t count = sizeof(names) / sizeof(names[0]) - (vx_folder_is_in_memory(folder) ? 0 : 1);

    for (size_t i = 0; i < count; i++) {
        command->words[n++] = mca;
        command->words[n++] = names[i];
        command->words[n++] = folder;
    }
    return n;
}

vx_status vx_launcher_words(const char *launcher, vx_launcher_kind kind, bool root, uint32_t ranks,
                            char *folder, char *program, vx_launcher_command *ret_command,
                            vx_error *err)
{
    static char allow_root[] = "--allow-run-as-root", map_by[] = "--map-by",
                oversubscribe[] = ":OVERSUBSCRIBE", bind[] = "--bind-to", none[] = "none",
                mca[] = "--mca", remote4[] = "plm_rsh_agent", remote5[] = "plm_ssh_agent",
                no_shell[] = "/bin/false", fork_word[] = "-launcher", fork_name[] = "fork",
                number[] = "-n";
    /* mpirun 4.1 gives up on a machine without ssh, though it needs none to start processes beside
     * itself: any program that exists will do as its remote shell. 5 has another name for it. */
    static char *const open_mpi[] = { map_by,   oversubscribe, bind,    none,     mca, remote4,
                                      no_shell, mca,           remote5, no_shell, NULL };
    static char *const mpich[] = { fork_word, fork_name, NULL };
    char *const *placement = kind == VX_LAUNCHER_OPEN_MPI ? open_mpi : mpich;
    vx_launcher_command command = { 0 };
    size_t n = 0;
    vx_status status = cut(launcher, &command, &n, err);
    bool bare = vx_launcher_is_bare(launcher);

    if (status != VX_OK) {
        vx_launcher_words_clear(&command);
        return status;
    }
    if (kind == VX_LAUNCHER_OPEN_MPI && root)
        command.words[n++] = allow_root;
    for (size_t i = 0; bare && placement[i] != NULL; i++)
        command.words[n++] = placement[i];
    if (bare && kind == VX_LAUNCHER_OPEN_MPI && folder != NULL)
        n = add_folder(&command, n, folder);
    command.words[n++] = number;
    *ret_command = command;
    snprintf(ret_command->count, sizeof(ret_command->count), "%u", ranks);
    ret_command->words[n++] = ret_command->count;
    ret_command->words[n] = program;
    return VX_OK;
}

void vx_launcher_words_clear(vx_launcher_command *command)
{
    vx_free(command->given);
    *command = (vx_launcher_command){ 0 };
}

/* ---- who is it? ---- */

static void become_launcher(char *name, int out)
{
    char word[] = "--version";
    char *argv[] = { name, word, NULL };

    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(out, STDERR_FILENO);
    vx_agent_clean_environment();
    (void)alarm(ANSWER_S); /* stays across exec */
    execvp(name, argv);
    _exit(NOT_FOUND);
}

/* Until its end, or false: until patience is spent. */
static bool read_answer(int from, char *said)
{
    vx_clock clock = vx_clock_system();
    uint64_t until = vx_clock_monotonic_ns(&clock) + ANSWER_S * VX_NS_PER_S;
    size_t have = 0;

    while (have + 1 < SAID_MAX) {
        uint64_t now = vx_clock_monotonic_ns(&clock);
        struct pollfd look = { .fd = from, .events = POLLIN };
        ssize_t more = 0;

        int got = now < until ? poll(&look, 1, (int)((until - now) / VX_NS_PER_MS) + 1) : 0;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            said[have] = '\0';
            return false;
        }
        more = read(from, said + have, SAID_MAX - 1 - have);
        if (more <= 0)
            break;
        have += (size_t)more;
    }
    said[have] = '\0';
    return true;
}

static vx_status judge(const char *name, int wait_status, char *said, vx_launcher_kind *ret_kind,
                       vx_error *err)
{
    static const char wanted[] = "the ranks of a worker are started by mpirun of Open MPI or "
                                 "mpiexec of MPICH, see --group-launcher";

    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == NOT_FOUND)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s cannot be started (is it in PATH?): %s", name,
                       wanted);
    said[strcspn(said, "\n")] = '\0';
    if (WIFSIGNALED(wait_status))
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s --version was ended by signal %d: %s", name,
                       WTERMSIG(wait_status), wanted);
    if (WEXITSTATUS(wait_status) != 0)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s --version ended with %d and said '%.100s': %s",
                       name, WEXITSTATUS(wait_status), said, wanted);
    if (!vx_launcher_recognise(said, ret_kind))
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s --version said '%.100s': %s", name, said,
                       wanted);
    return VX_OK;
}

vx_status vx_launcher_ask(const char *launcher, vx_launcher_kind *ret_kind, vx_error *err)
{
    vx_launcher_command command = { 0 };
    size_t count = 0;
    char said[SAID_MAX];
    char text[VX_ERRNO_TEXT_SIZE];
    int ends[2] = { -1, -1 };
    int wait_status = 0;
    pid_t child = -1;
    vx_status status = cut(launcher, &command, &count, err);

    if (status != VX_OK)
        goto out;
    VX_ASSERT(command.words[0] != NULL);
    if (pipe(ends) == 0)
        child = fork();
    if (child < 0) {
        status = vx_fail(err, VX_ERR_SYSTEM, "%s: cannot be started: %s", command.words[0],
                         vx_errno_text(errno, text));
        goto out;
    }
    if (child == 0)
        become_launcher(command.words[0], ends[1]);
    close(ends[1]);
    ends[1] = -1;
    if (!read_answer(ends[0], said))
        kill(child, SIGKILL);
    (void)waitpid(child, &wait_status, 0);
    status = judge(command.words[0], wait_status, said, ret_kind, err);
out:
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    vx_launcher_words_clear(&command);
    return status;
}
