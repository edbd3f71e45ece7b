#include "faulty.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/assert.h>

#define HANDLES_MAX 1024
#define PATH_SIZE   512
#define LINE_SIZE   1024
#define FRAMES_MAX  32

enum { HOW_KILL = FAULTY_TORN + 1 };

static const char *const kind_names[FAULTY_KIND_MAX] = {
#define FAULTY_NAME(name, text) [name] = text,
    FAULTY_KINDS(FAULTY_NAME)
#undef FAULTY_NAME
};

static const struct {
    const char *name;
    int how;
} hows[] = {
    { "EIO", EIO },          { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
    { "EINTR", EINTR },      { "EMFILE", EMFILE }, { "ENFILE", ENFILE },
    { "EACCES", EACCES },    { "ENOMEM", ENOMEM }, { "short", FAULTY_SHORT },
    { "torn", FAULTY_TORN }, { "kill", HOW_KILL },
};

static struct {
    faulty_kind kind; /* FAULTY_KIND_MAX: nothing fails */
    unsigned long long first, times;
    int how;
    const char *pattern; /* NULL = every path */
    int log;
    atomic_ullong counts[FAULTY_KIND_MAX];
    char paths[HANDLES_MAX][PATH_SIZE];
} faulty = { .kind = FAULTY_KIND_MAX, .times = 1, .log = -1 };

static void say(const char *text)
{
    if (faulty.log >= 0 && write(faulty.log, text, strlen(text)) < 0)
        abort(); /* a test that cannot tell what it did is none */
}

static void say_point(const char *what, faulty_kind kind, unsigned long long number,
                      const char *path)
{
    char line[LINE_SIZE];

    snprintf(line, sizeof(line), "%s%s %llu %s\n", what, kind_names[kind], number, path);
    say(line);
}

static void say_counts(void)
{
    for (int kind = 0; kind < FAULTY_KIND_MAX; kind++)
        say_point("count ", (faulty_kind)kind, atomic_load(&faulty.counts[kind]), "");
}

static vx_status take_how(const char *name, vx_error *err)
{
    bool is_write = faulty.kind == FAULTY_FILE_WRITE || faulty.kind == FAULTY_LEDGER_WRITE;
    bool is_read = faulty.kind == FAULTY_FILE_READ || faulty.kind == FAULTY_LEDGER_READ;

    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
        if (strcmp(hows[i].name, name) == 0)
            faulty.how = hows[i].how;
    if (faulty.how == 0 || (faulty.how == FAULTY_TORN && !is_write) ||
        (faulty.how == FAULTY_SHORT && !is_write && !is_read))
        return vx_fail(err, VX_ERR_USAGE, "VX_FAULTY: %s cannot be %s", kind_names[faulty.kind],
                       name);
    return VX_OK;
}

static vx_status take_plan(const char *text, vx_error *err)
{
    char name[32] = "";
    char how[16] = "";

    if (sscanf(text, "%31[^:]:%llu:%15[^:]:%llu", name, &faulty.first, how, &faulty.times) < 3 ||
        faulty.first == 0)
        return vx_fail(err, VX_ERR_USAGE, "VX_FAULTY: expected KIND:NUMBER:HOW[:TIMES], found '%s'",
                       text);
    for (int kind = 0; kind < FAULTY_KIND_MAX; kind++)
        if (strcmp(kind_names[kind], name) == 0)
            faulty.kind = (faulty_kind)kind;
    if (faulty.kind == FAULTY_KIND_MAX)
        return vx_fail(err, VX_ERR_USAGE, "VX_FAULTY: there is no '%s'", name);
    return take_how(how, err);
}

vx_status faulty_begin(vx_error *err)
{
    const char *plan = getenv("VX_FAULTY");
    const char *log = getenv("VX_FAULTY_LOG");
    void *frame = NULL;

    faulty.pattern = getenv("VX_FAULTY_PATH");
    if (log != NULL)
        faulty.log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log != NULL && (faulty.log < 0 || atexit(say_counts) != 0))
        return vx_fail(err, VX_ERR_IO, "%s: %s", log, strerror(errno));
    (void)backtrace(&frame, 1); /* the first one allocates */
    return plan != NULL ? take_plan(plan, err) : VX_OK;
}

void faulty_die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static bool is_due(faulty_kind kind, unsigned long long number)
{
    return kind == faulty.kind && number >= faulty.first &&
           (faulty.times == 0 || number < faulty.first + faulty.times);
}

/* The pattern has as many parts as it looks at, from the end of the path. */
static bool is_meant(const char *path)
{
    const char *at = path + strlen(path);
    size_t parts = 1;

    if (faulty.pattern == NULL)
        return true;
    for (const char *slash = strchr(faulty.pattern, '/'); slash; slash = strchr(slash + 1, '/'))
        parts++;
    for (; parts > 0 && at > path; at--)
        parts -= at[-1] == '/';
    at += parts == 0;
    return fnmatch(faulty.pattern, at, FNM_PATHNAME) == 0;
}

int faulty_point(faulty_kind kind, const char *path)
{
    bool is_memory = kind == FAULTY_MEMORY || kind == FAULTY_JSON;
    unsigned long long number = 0;
    void *frames[FRAMES_MAX];

    if (!is_meant(path))
        return 0;
    number = atomic_fetch_add(&faulty.counts[kind], 1) + 1;
    if (!is_memory)
        say_point("", kind, number, path);
    if (!is_due(kind, number))
        return 0;
    say_point("fault ", kind, number, path);
    if (is_memory && faulty.log >= 0)
        backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), faulty.log);
    if (faulty.how == HOW_KILL)
        faulty_die();
    return faulty.how;
}

void faulty_path_keep(int handle, const char *path)
{
    if (handle >= 0 && handle < HANDLES_MAX)
        snprintf(faulty.paths[handle], PATH_SIZE, "%s", path);
}

const char *faulty_path(int handle)
{
    return handle >= 0 && handle < HANDLES_MAX ? faulty.paths[handle] : "";
}
