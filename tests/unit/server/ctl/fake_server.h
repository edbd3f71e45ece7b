#ifndef VX_TEST_FAKE_SERVER_H
#define VX_TEST_FAKE_SERVER_H
#include <vx_test/check.h>

#include "run_folder.h"

/* A server in a thread of its own that knows observers only. */
typedef enum fake_mood {
    FAKE_ANSWERS,   /* hello: welcome; each request: {"format":1,"request":N} */
    FAKE_REFUSES,   /* hello: refusal "token" */
    FAKE_IS_SILENT, /* reads and says nothing */
    FAKE_HANGS_UP,  /* hello: welcome; a request: closes */
    FAKE_BABBLES    /* hello: welcome; a request: parameters instead of a document */
} fake_mood;

typedef struct fake_server fake_server;
fake_server *fake_server_start(fake_mood mood, vx_ctl_server *ret_where);
void fake_server_stop(fake_server *server);
#endif
