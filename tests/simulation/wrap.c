#include "wrap.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/assert.h>

#include "process.h"
#include "world.h"

/* --wrap=NAME: calls of NAME go to __wrap_NAME, calls of __real_NAME to the C library. */
#define REAL(name) __asm__("__real_" #name)
#define WRAP(name) __asm__("__wrap_" #name)
typedef void (*handler)(int number);

void *real_malloc(size_t size) REAL(malloc);
void *wrap_malloc(size_t size) WRAP(malloc);
void *real_calloc(size_t count, size_t size) REAL(calloc);
void *wrap_calloc(size_t count, size_t size) WRAP(calloc);
void *real_realloc(void *old, size_t size) REAL(realloc);
void *wrap_realloc(void *old, size_t size) WRAP(realloc);
void *real_aligned_alloc(size_t alignment, size_t size) REAL(aligned_alloc);
void *wrap_aligned_alloc(size_t alignment, size_t size) WRAP(aligned_alloc);
void real_free(void *memory) REAL(free);
void wrap_free(void *memory) WRAP(free);
pid_t real_getpid(void) REAL(getpid);
pid_t wrap_getpid(void) WRAP(getpid);
int real_gethostname(char *name, size_t size) REAL(gethostname);
int wrap_gethostname(char *name, size_t size) WRAP(gethostname);
int real_nanosleep(const struct timespec *want, struct timespec *left) REAL(nanosleep);
int wrap_nanosleep(const struct timespec *want, struct timespec *left) WRAP(nanosleep);
int real_raise(int number) REAL(raise);
int wrap_raise(int number) WRAP(raise);
handler real_signal(int number, handler what) REAL(signal);
handler wrap_signal(int number, handler what) WRAP(signal);
_Noreturn void real_exit(int code) REAL(_exit);
_Noreturn void wrap_exit(int code) WRAP(_exit);
ssize_t real_write(int fd, const void *at, size_t size) REAL(write);
ssize_t wrap_write(int fd, const void *at, size_t size) WRAP(write);
_Noreturn void wrap_vx_assert_failed(const char *condition, const char *file, int line,
                                     const char *function) WRAP(vx_assert_failed);

static bool is_uncounted;

void sim_wrap_count(bool on)
{
    is_uncounted = !on;
}

static void *counted(void *memory)
{
    sim_process *process = sim_process_current();

    if (memory != NULL && process != NULL && !is_uncounted) {
        process->memory += malloc_usable_size(memory);
        if (process->memory > process->memory_max)
            process->memory_max = process->memory;
    }
    return memory;
}

static void uncount(void *memory)
{
    sim_process *process = sim_process_current();
    size_t size = memory != NULL ? malloc_usable_size(memory) : 0;

    if (process != NULL && !is_uncounted)
        process->memory -= size < process->memory ? size : process->memory;
}

void *sim_real_calloc(size_t count, size_t size)
{
    return real_calloc(count, size);
}

void *wrap_malloc(size_t size)
{
    return counted(real_malloc(size));
}

void *wrap_calloc(size_t count, size_t size)
{
    return counted(real_calloc(count, size));
}

void *wrap_realloc(void *old, size_t size)
{
    uncount(old);
    return counted(real_realloc(old, size));
}

void *wrap_aligned_alloc(size_t alignment, size_t size)
{
    return counted(real_aligned_alloc(alignment, size));
}

void wrap_free(void *memory)
{
    uncount(memory);
    real_free(memory);
}

pid_t wrap_getpid(void)
{
    sim_process *process = sim_process_current();

    return process != NULL ? (pid_t)process->pid : real_getpid();
}

int wrap_gethostname(char *name, size_t size)
{
    sim_process *process = sim_process_current();

    if (process == NULL)
        return real_gethostname(name, size);
    snprintf(name, size, "%s", process->host->name);
    return 0;
}

int wrap_nanosleep(const struct timespec *want, struct timespec *left)
{
    if (sim_process_current() == NULL)
        return real_nanosleep(want, left);
    sim_fiber_sleep((uint64_t)want->tv_sec * SIM_S + (uint64_t)want->tv_nsec);
    return 0;
}

int wrap_raise(int number)
{
    sim_process *process = sim_process_current();

    if (process == NULL)
        return real_raise(number);
    sim_process_end(process, 0, number);
    return 0;
}

handler wrap_signal(int number, handler what)
{
    sim_process *process = sim_process_current();

    if (process == NULL)
        return real_signal(number, what);
    VX_ASSERT(number > 0 && number < SIM_SIGNALS_MAX);
    process->ignores[number] = what == SIG_IGN;
    return SIG_DFL;
}

void sim_real_exit(int code)
{
    fflush(NULL);
    real_exit(code);
}

void wrap_exit(int code)
{
    sim_process *process = sim_process_current();

    if (process != NULL)
        sim_process_end(process, code, 0);
    real_exit(code);
}

ssize_t wrap_write(int fd, const void *at, size_t size)
{
    if (sim_process_current() == NULL || fd != STDERR_FILENO)
        return real_write(fd, at, size);
    sim_note_text(at, size);
    return (ssize_t)size;
}

void wrap_vx_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    sim_violation("I8 (no assertion fails)", "%s: %s:%d: %s: %s", sim_who(), file, line, function,
                  condition);
}
