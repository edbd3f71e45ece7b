#include "vexil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_ctl/ctl.h>

#define WORDS_MAX 20

char vexil_output[65536];

static void read_output(int handle)
{
    size_t size = 0;
    ssize_t count = 0;

    while ((count = read(handle, vexil_output + size, sizeof(vexil_output) - 1 - size)) > 0)
        size += (size_t)count;
    vexil_output[size] = '\0';
}

int vexil(const char *const *words)
{
    char *argv[WORDS_MAX + 2] = { NULL };
    int argc = 0;
    int ends[2];
    int wait_status = 0;
    pid_t child = -1;

    argv[argc++] = strdup("vexil");
    for (; *words != NULL; words++) {
        assert_in_range(argc, 1, WORDS_MAX);
        argv[argc++] = strdup(*words);
    }
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        exit(vx_ctl_main(argc, argv));
    }
    close(ends[1]);
    read_output(ends[0]);
    close(ends[0]);
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    assert_true(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

void vexil_says(const char *text)
{
    if (strstr(vexil_output, text) == NULL)
        fail_msg("no \"%s\" in: %s", text, vexil_output);
}
