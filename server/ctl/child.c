#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/assert.h>

#define REST_POLLS   40 /* times REST_POLL_US: what a leader leaves behind has a second to end */
#define REST_POLL_US 25000

static void restore_signals(void)
{
    static const int changed[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD };
    sigset_t none;

    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
        (void)signal(changed[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs in the child between fork and exec. Tells report_fd errno when it cannot. */
_Noreturn static void become(const char *program, char *const *argv, int out_fd, int err_fd,
                             int report_fd, pid_t parent)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int why = 0;

    restore_signals();
    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(143); /* it died before we asked to be told */
    if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0 &&
        dup2(err_fd, STDERR_FILENO) >= 0)
        (void)execv(program, argv);
    why = errno;
    (void)!write(report_fd, &why, sizeof(why));
    _exit(127);
}

/* 0 once the child runs its program, else errno. */
static int read_report(int fd)
{
    int why = 0;
    ssize_t got = -1;

    do
        got = read(fd, &why, sizeof(why));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(why) ? why : 0;
}

vx_status vx_ctl_child_start(const char *program, char *const *argv, int out_fd, int err_fd,
                             vx_ctl_child *ret_child, vx_error *err)
{
    pid_t parent = getpid(), pid = -1;
    int report[2] = { -1, -1 };
    int why = 0;

    if (pipe2(report, O_CLOEXEC) != 0)
        return vx_fail(err, VX_ERR_SYSTEM, "pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0)
        become(program, argv, out_fd, err_fd, report[1], parent);
    why = pid < 0 ? errno : 0;
    (void)close(report[1]);
    if (pid > 0)
        why = read_report(report[0]);
    (void)close(report[0]);
    if (why != 0) {
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
        return vx_fail(err, why == ENOENT ? VX_ERR_NOT_FOUND : VX_ERR_SYSTEM, "%s: %s", program,
                       strerror(why));
    }
    *ret_child = (vx_ctl_child){ .pid = pid };
    return VX_OK;
}

/* What /proc/NAME/FILE begins with, and a zero. Returns its size; 0: there is none. */
static size_t read_proc(const char *name, const char *what, char *text, size_t size)
{
    char path[64];
    size_t got = 0;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/%s", name, what);
    file = fopen(path, "re");
    if (file != NULL) {
        got = fread(text, 1, size - 1, file);
        (void)fclose(file);
    }
    text[got] = '\0';
    return got;
}

static bool mentions(const char *name, const char *word)
{
    char text[4096];
    size_t got = read_proc(name, "cmdline", text, sizeof(text));

    for (size_t at = 0; at < got; at += strlen(text + at) + 1)
        if (strcmp(text + at, word) == 0)
            return true;
    return false;
}

/* Whether /proc/NAME is a living process of the session, and not its leader. */
static bool is_member(const char *name, pid_t session)
{
    char stat[512];
    char *end = NULL;
    char state = 0;
    int of = 0;

    if (strtol(name, &end, 10) == session || *end != '\0')
        return false;
    (void)read_proc(name, "stat", stat, sizeof(stat));
    end = strrchr(stat, ')'); /* the program's name can hold anything */
    return end != NULL && sscanf(end + 1, " %c %*d %*d %d", &state, &of) == 2 && of == session &&
           state != 'Z' && state != 'X';
}

/* Sends signal (0: none) to the members of the session but its leader; returns how many there are.
 */
static unsigned session_signal(pid_t session, int signal)
{
    DIR *folder = opendir("/proc");
    unsigned members = 0;

    if (folder == NULL)
        return 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        if (!is_member(entry->d_name, session))
            continue;
        members++;
        if (signal != 0)
            (void)kill((pid_t)strtol(entry->d_name, NULL, 10), signal);
    }
    (void)closedir(folder);
    return members;
}

/* The leader is a zombie still, so that its number cannot be another session's. */
static void session_clear(pid_t session)
{
    for (int i = 0; i < REST_POLLS && session_signal(session, 0) > 0; i++)
        (void)usleep(REST_POLL_US);
    for (int i = 0; i < REST_POLLS && session_signal(session, SIGKILL) > 0; i++)
        (void)usleep(REST_POLL_US);
}

bool vx_ctl_child_poll(vx_ctl_child *child)
{
    siginfo_t info = { 0 };

    if (child->pid == 0 || child->ended)
        return child->ended;
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != child->pid)
        return false;
    session_clear(child->pid);
    (void)waitpid(child->pid, NULL, 0);
    child->ended = true;
    child->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    child->exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return true;
}

bool vx_ctl_child_mentions(const vx_ctl_child *child, const char *word)
{
    DIR *folder = opendir("/proc");
    bool found = false;

    if (folder == NULL)
        return false;
    for (const struct dirent *entry = readdir(folder); entry != NULL && !found;
         entry = readdir(folder))
        found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                is_member(entry->d_name, child->pid) && mentions(entry->d_name, word);
    (void)closedir(folder);
    return found;
}

void vx_ctl_child_signal(const vx_ctl_child *child, int signal)
{
    VX_ASSERT(child->pid > 0);
    if (!child->ended)
        (void)kill(child->pid, signal);
}

void vx_ctl_child_kill(const vx_ctl_child *child)
{
    vx_ctl_child_signal(child, SIGKILL);
    if (!child->ended)
        (void)session_signal(child->pid, SIGKILL);
}
