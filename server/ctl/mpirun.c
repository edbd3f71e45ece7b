#include "mpirun.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/clock.h>

#include "child.h"
#include "reach.h"

#define VERSION_MS    10000
#define TERM_MS       5000 /* what mpirun gets to end what it started */
#define POLL_NS       20000000
#define LINE_SIZE     256
#define TEXT_MAX      ((size_t)VX_CTL_HOSTS_MAX * LINE_SIZE)
#define PROBE         "vexil-worker-probe "
#define WAITING_SHOWN 8

typedef struct outcome {
    vx_ctl_child child;
    bool late; /* it did not end in time, and was made to */
    vx_bytes text;
} outcome;

static uint64_t now_ms(void)
{
    vx_clock clock = vx_clock_system();

    return vx_clock_monotonic_ns(&clock) / VX_NS_PER_MS;
}

static bool wait_for_end(vx_ctl_child *child, uint64_t timeout_ms)
{
    struct timespec pause = { .tv_nsec = POLL_NS };
    uint64_t begun_ms = now_ms();

    while (!vx_ctl_child_poll(child)) {
        if (now_ms() - begun_ms >= timeout_ms)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

static void make_end(vx_ctl_child *child)
{
    vx_ctl_child_signal(child, SIGTERM);
    if (wait_for_end(child, TERM_MS))
        return;
    vx_ctl_child_kill(child);
    (void)wait_for_end(child, TERM_MS);
}

static vx_status read_back(int fd, vx_bytes *ret_text, vx_error *err)
{
    uint8_t *at = vx_malloc(TEXT_MAX + 1);
    size_t size = 0;
    ssize_t got = 1;

    if (at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for the words of mpirun");
    while (size < TEXT_MAX && got > 0) {
        got = pread(fd, at + size, TEXT_MAX - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    at[size] = '\0';
    *ret_text = (vx_bytes){ at, size };
    return VX_OK;
}

/* Whose host has not answered: mpirun's ssh for it is still there. */
static void print_waiting(FILE *out, const vx_ctl_child *child, const vx_ctl_hostfile *hosts)
{
    size_t shown = 0;

    for (size_t i = 0; i < hosts->count && shown < WAITING_SHOWN; i++) {
        const char *bare = vx_ctl_host_bare(&hosts->at[i]);

        if (!vx_ctl_child_mentions(child, bare) &&
            (bare == hosts->at[i].name || !vx_ctl_child_mentions(child, hosts->at[i].name)))
            continue;
        (void)fprintf(out, "vexil: no answer from host %s\n", hosts->at[i].name);
        shown++;
    }
}

/* Runs it to its end, or makes it end. hosts: who is looked for when it is late; or NULL. */
static vx_status capture(const char *program, char *const *argv, uint64_t timeout_ms,
                         const vx_ctl_hostfile *hosts, FILE *words, outcome *ret, vx_error *err)
{
    int fd = memfd_create("vexil-words", MFD_CLOEXEC);
    vx_status status = VX_OK;

    if (fd < 0)
        return vx_fail(err, VX_ERR_SYSTEM, "memfd_create: %s", strerror(errno));
    status = vx_ctl_child_start(program, argv, fd, fd, &ret->child, err);
    if (status == VX_OK && !wait_for_end(&ret->child, timeout_ms)) {
        ret->late = true;
        if (hosts != NULL)
            print_waiting(words, &ret->child, hosts);
        make_end(&ret->child);
    }
    if (status == VX_OK)
        status = read_back(fd, &ret->text, err);
    (void)close(fd);
    return status;
}

/* The next line of *text, clean for a terminal and with single blanks; false at the end. */
static bool next_line(vx_cbytes *text, char line[LINE_SIZE])
{
    size_t length = 0, kept = 0;
    const uint8_t *end = NULL;

    if (text->size == 0)
        return false;
    end = memchr(text->at, '\n', text->size);
    length = end != NULL ? (size_t)(end - text->at) : text->size;
    for (size_t i = 0; i < length && kept + 1 < LINE_SIZE; i++) {
        char c = (char)(text->at[i] > 0x20 && text->at[i] < 0x7f ? text->at[i] : ' ');

        if (c != ' ' || (kept > 0 && line[kept - 1] != ' '))
            line[kept++] = c;
    }
    while (kept > 0 && line[kept - 1] == ' ')
        kept--;
    line[kept] = '\0';
    length += end != NULL ? 1 : 0;
    *text = (vx_cbytes){ text->at + length, text->size - length };
    return true;
}

/* Its first line that tells a version, else its first. */
static void find_telling_line(vx_cbytes text, char telling[LINE_SIZE])
{
    char line[LINE_SIZE];
    bool found = false;

    telling[0] = '\0';
    while (!found && next_line(&text, line)) {
        found = strncmp(line, "Version:", 8) == 0; /* of Hydra, which begins with a title */
        if (telling[0] == '\0' || found)
            (void)snprintf(telling, LINE_SIZE, "%s", line);
    }
}

vx_status vx_ctl_mpirun_version_parse(vx_cbytes text, const char *name, unsigned *ret_major,
                                      vx_error *err)
{
    static const char mark[] = "(Open MPI) ";
    char line[LINE_SIZE];
    vx_cbytes rest = text;

    while (next_line(&rest, line)) {
        const char *at = strstr(line, mark);
        char *end = NULL;
        unsigned long major = at != NULL ? strtoul(at + sizeof(mark) - 1, &end, 10) : 0;

        if (at == NULL || major == 0 || major > 1000 || *end != '.')
            continue;
        *ret_major = (unsigned)major;
        return VX_OK;
    }
    find_telling_line(text, line);
    return vx_fail(
        err, VX_ERR_UNAVAILABLE,
        "%s is no mpirun of Open MPI, by --version it says '%s': install openmpi-bin, or "
        "name the right one by --mpirun",
        name, line);
}

vx_status vx_ctl_mpirun_version(const char *path, const char *name, unsigned *ret_major,
                                vx_error *err)
{
    vx_ctl_argv words = { 0 };
    outcome got = { .late = false };
    vx_status status = VX_OK;

    vx_ctl_argv_add(&words, name);
    vx_ctl_argv_add(&words, "--version");
    status = vx_ctl_argv_status(&words, err);
    if (status == VX_OK)
        status = capture(path, words.at, VERSION_MS, NULL, NULL, &got, err);
    if (status == VX_OK && got.late)
        status = vx_fail(err, VX_ERR_UNAVAILABLE, "%s --version has not ended within %d s", name,
                         VERSION_MS / 1000);
    if (status == VX_OK)
        status = vx_ctl_mpirun_version_parse((vx_cbytes){ got.text.at, got.text.size }, name,
                                             ret_major, err);
    vx_free(got.text.at);
    vx_ctl_argv_clear(&words);
    return status;
}

static bool is_telling(const char *line)
{
    return line[0] != '\0' && line[0] != '*' && line[strspn(line, "-")] != '\0';
}

void vx_ctl_mpirun_words_print(FILE *out, vx_cbytes text)
{
    char line[LINE_SIZE];
    unsigned lines = 0;
    bool in_list = false; /* of causes: a star, then lines up to an empty one */

    while (lines < VX_CTL_MPIRUN_LINES_MAX && next_line(&text, line)) {
        in_list = line[0] == '*' || (in_list && line[0] != '\0' && line[0] != '-');
        if (in_list || !is_telling(line))
            continue;
        (void)fprintf(out, "mpirun: %s\n", line);
        lines++;
    }
}

static vx_status judge_line(const char *line, const char *run_dir, vx_error *err)
{
    char host[LINE_SIZE] = "", version[LINE_SIZE] = "", folder[LINE_SIZE] = "";
    char program[LINE_SIZE] = "", there[LINE_SIZE] = "";
    int count =
        sscanf(line, PROBE "%255s %255s %255s %255s %255s", host, version, folder, program, there);
    bool ours = strcmp(version, VX_VERSION) == 0;

    if (count < (ours ? 5 : 3))
        return vx_fail(err, VX_ERR_REFUSED, "an answer that is not understood: '%.80s'", line);
    if (!ours)
        return vx_fail(err, VX_ERR_REFUSED,
                       "host %.64s: its vexil-worker is version %.40s, here it is %s: install the "
                       "same everywhere",
                       host, version, VX_VERSION);
    if (strcmp(folder, "yes") != 0)
        return vx_fail(err, VX_ERR_NOT_FOUND,
                       "host %.64s does not see the run directory %.160s: it has to be on a file "
                       "system of all hosts",
                       host, run_dir);
    if (strcmp(there, "yes") != 0)
        return vx_fail(
            err, VX_ERR_UNAVAILABLE,
            "host %.64s: %.64s is not beside its vexil-worker: install all of Vexil, the "
            "same everywhere",
            host, program);
    return VX_OK;
}

vx_status vx_ctl_mpirun_judge(vx_cbytes text, const char *run_dir, vx_error *err)
{
    char line[LINE_SIZE];
    size_t answers = 0;
    vx_status status = VX_OK;

    while (status == VX_OK && next_line(&text, line)) {
        if (strncmp(line, PROBE, sizeof(PROBE) - 1) != 0)
            continue;
        answers++;
        status = judge_line(line, run_dir, err);
    }
    if (status == VX_OK && answers == 0)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "no host has answered, though mpirun ended well");
    return status;
}

static void print_unknown(FILE *out, const char *path, const vx_ctl_hostfile *hosts)
{
    for (size_t i = 0, shown = 0; i < hosts->count && shown < WAITING_SHOWN; i++) {
        const char *bare = vx_ctl_host_bare(&hosts->at[i]);

        if (vx_ctl_reach_knows(bare))
            continue;
        (void)fprintf(out, "vexil: %s:%u: host %s is not known to the resolver of this machine\n",
                      path, hosts->at[i].line, bare);
        shown++;
    }
}

static vx_status probe_failed(const outcome *got, const vx_ctl_workers_command *command,
                              const vx_ctl_hostfile *hosts, uint64_t timeout_ms, FILE *words,
                              vx_error *err)
{
    vx_ctl_mpirun_words_print(words, (vx_cbytes){ got->text.at, got->text.size });
    print_unknown(words, command->hostfile, hosts);
    (void)fflush(words);
    if (got->late)
        return vx_fail(err, VX_ERR_UNAVAILABLE,
                       "%s: not every host has started vexil-worker within %llu s; try ssh to each",
                       command->hostfile, (unsigned long long)(timeout_ms / 1000));
    return vx_fail(err, VX_ERR_UNAVAILABLE,
                   "%s: mpirun could not start %s on every host (exit code %d)", command->hostfile,
                   command->worker, got->child.exit_code);
}

vx_status vx_ctl_mpirun_probe(const char *path, const vx_ctl_workers_command *command,
                              const vx_ctl_hostfile *hosts, uint64_t timeout_ms, FILE *words,
                              vx_error *err)
{
    vx_ctl_argv argv = { 0 };
    outcome got = { .late = false };
    vx_status status = VX_OK;

    VX_ASSERT(command->hostfile != NULL);
    vx_ctl_launch_probe(&argv, command);
    status = vx_ctl_argv_status(&argv, err);
    if (status == VX_OK)
        status = capture(path, argv.at, timeout_ms, hosts, words, &got, err);
    if (status == VX_OK && (got.late || got.child.exit_code != 0))
        status = probe_failed(&got, command, hosts, timeout_ms, words, err);
    else if (status == VX_OK)
        status =
            vx_ctl_mpirun_judge((vx_cbytes){ got.text.at, got.text.size }, command->run_dir, err);
    vx_free(got.text.at);
    vx_ctl_argv_clear(&argv);
    return status;
}
