#include <vx_server_app/server.h>

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include <vx_base/alloc.h>

#include "faulty.h"

/* --wrap=NAME: calls of NAME go to __wrap_NAME, calls of __real_NAME to the library. */
#define REAL(name) __asm__("__real_" #name)
#define WRAP(name) __asm__("__wrap_" #name)

static bool refuse_memory(void *context)
{
    (void)context;
    return faulty_point(FAULTY_MEMORY, "") != 0;
}

static _Thread_local bool is_reading;

/* jansson 2.14 writes past a buffer that it cannot grow while it reads: nothing of ours to test. */
json_t *faulty_json_loadb(const char *at, size_t size, size_t flags, json_error_t *why)
    WRAP(json_loadb);
json_t *real_json_loadb(const char *at, size_t size, size_t flags, json_error_t *why)
    REAL(json_loadb);

json_t *faulty_json_loadb(const char *at, size_t size, size_t flags, json_error_t *why)
{
    json_t *json = NULL;

    is_reading = true;
    json = real_json_loadb(at, size, flags, why);
    is_reading = false;
    return json;
}

static void *json_memory(size_t size)
{
    return !is_reading && faulty_point(FAULTY_JSON, "") != 0 ? NULL : malloc(size);
}

void faulty_memory_install(void)
{
    vx_alloc_set_hook(refuse_memory, NULL);
    json_set_alloc_funcs(json_memory, free);
}

/* vexild with fault points: see faulty.h. */
int main(int argc, char **argv)
{
    const char *overrides[VX_SERVER_OVERRIDES_MAX];
    vx_server_options options;
    vx_error err = { 0 };
    bool done = false;
    vx_status status = faulty_begin(&err);

    if (status == VX_OK) {
        faulty_files_install();
        faulty_ledger_install();
        faulty_memory_install();
        status = vx_server_options_parse(argc, argv, overrides, &options, &done, &err);
    }
    if (status == VX_OK && !done)
        status = vx_server_run(&options, &err);
    if (status != VX_OK && status != VX_ERR_INTERRUPTED)
        fprintf(stderr, "vexild: %s\n",
                err.message[0] != '\0' ? err.message : vx_status_text(status));
    return vx_status_exit_code(status);
}
