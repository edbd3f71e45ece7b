#ifndef VX_WIRE_WIRE_H
#define VX_WIRE_WIRE_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * Control messages as plain structs. Decoding hostile bytes gives a struct whose every field is
 * inside its limits, or VX_ERR_PROTOCOL with a message (VX_ERR_NOMEM when the heap refuses).
 * Generated types never leave this room. Encoders write into the caller's buffer.
 *
 * Names (of hosts, programs, tensors) hold no control character, or are refused. In texts for
 * people control characters become spaces. Neither need be UTF-8; what follows the zero is zero.
 * Too long is refused, not cut.
 */

/* The type of a frame. W worker, E evaluator, O observer, S server. */
typedef enum vx_wire_type {
    VX_WIRE_HELLO = 1, /* W E O -> S  first frame of a connection */
    VX_WIRE_WELCOME,   /* S -> W E O */
    VX_WIRE_REFUSAL,   /* S -> any; the connection is closed after it */
    VX_WIRE_MODEL, /* E -> S  names and shapes; the first parameters follow as PARAMETERS of round 0
                    */
    VX_WIRE_PARAMETERS, /* S -> W  theta of header.round, chunks; E -> S the first parameters */
    VX_WIRE_GRADIENT, /* W -> S  chunks of g at header.round; the last one carries vx_wire_gradient
                       */
    VX_WIRE_VERDICT,  /* S -> W  what became of the gradient of header.round */
    VX_WIRE_EVALUATE, /* S -> E  theta of header.round, chunks: evaluate it */
    VX_WIRE_EVALUATION, /* E -> S  the result for header.round */
    VX_WIRE_HEARTBEAT,  /* both ways, empty */
    VX_WIRE_LEAVE,      /* W -> S  graceful end, with a reason */
    VX_WIRE_STOP,       /* S -> W E  the run is over */
    VX_WIRE_REQUEST,    /* O -> S */
    VX_WIRE_DOCUMENT,   /* S -> O  payload: JSON text */
    VX_WIRE_STATE,      /* S -> W  momentum with the label header.round, chunks */
    VX_WIRE_SHARDS,     /* S -> W  what to draw from, from header.round on; before its parameters */
    VX_WIRE_TYPE_MAX
} vx_wire_type;
const char *vx_wire_type_name(uint16_t type); /* "gradient"; "unknown" */

typedef enum vx_wire_role {
    VX_WIRE_ROLE_WORKER = 1,
    VX_WIRE_ROLE_EVALUATOR,
    VX_WIRE_ROLE_OBSERVER,
    VX_WIRE_ROLE_MAX
} vx_wire_role;

#define VX_WIRE_STATES_MAX  2
#define VX_WIRE_THREADS_MAX 65536

/* From hello to welcome both sides send a heartbeat each BEAT; who hears nothing for GREETING ends
 * the connection. After it the job's heartbeats count. */
#define VX_WIRE_GREETING_MS      10000
#define VX_WIRE_GREETING_BEAT_MS 500

typedef struct vx_wire_hello {
    vx_wire_role role;
    uint32_t slot; /* a worker's; else VX_FRAME_SLOT_NONE */
    uint8_t token[VX_TOKEN_BYTES];
    vx_digest config; /* what the sender takes the job to be; zero = it takes what the server has */
    char version[VX_NAME_MAX]; /* of the program */
    char host[VX_NAME_MAX];
    char blas[VX_NAME_MAX]; /* core type */
    uint32_t pid;
    uint64_t states[VX_WIRE_STATES_MAX]; /* labels of the momentum that a worker holds; 0 = none */
    /* Where a worker computes: processors ("0-3,8"; "" = not known), threads of linear algebra
     * unless the job says how many (0 = not known), 1 + NUMA node (0 = several, or not known). */
    char cpus[VX_NAME_MAX];
    uint32_t threads, node;
} vx_wire_hello;

typedef struct vx_wire_welcome {
    uint32_t slot, epoch, incarnation;
    uint32_t workers;          /* slots of the job */
    uint64_t round, dimension; /* dimension 0 towards the evaluator that has not told it yet */
    uint32_t heartbeat_ms, heartbeat_timeout_ms; /* > 0; timeout >= heartbeat */
    vx_digest config;
    vx_cbytes job;      /* the resolved job file; borrowed from the decoded message, see below */
    uint64_t state;     /* label (1 + round) of the momentum to go on with; 0 = begin anew */
    bool state_follows; /* as STATE frames, before any parameters; not with state 0 */
} vx_wire_welcome;

typedef enum vx_wire_refusal_code {
    VX_WIRE_REFUSED_VERSION = 1, /* another program or protocol version; both are named */
    VX_WIRE_REFUSED_TOKEN,
    VX_WIRE_REFUSED_CONFIG, /* another config digest; both are named */
    VX_WIRE_REFUSED_SLOT,   /* out of range or held by a live worker */
    VX_WIRE_REFUSED_BUSY,   /* too many connections, or starting */
    VX_WIRE_REFUSED_OVER,   /* the run is over */
    VX_WIRE_REFUSED_PROTOCOL,
    VX_WIRE_REFUSED_MAX
} vx_wire_refusal_code;
const char *vx_wire_refusal_name(vx_wire_refusal_code code); /* "config" */

typedef struct vx_wire_refusal {
    vx_wire_refusal_code code;
    bool retry; /* may come right later */
    char text[256];
} vx_wire_refusal;

typedef struct vx_wire_tensor {
    char name[VX_TENSOR_NAME_MAX];      /* not empty; no two alike */
    size_t rank;                        /* 0: one number */
    uint64_t shape[VX_TENSOR_RANK_MAX]; /* each > 0 */
    bool is_weight;                     /* optimiser.l1 holds for it: no bias, no scale */
} vx_wire_tensor;

typedef struct vx_wire_model {
    uint64_t dimension; /* = sum of the products of the shapes: checked; > 0 */
    size_t tensors_count;
    vx_wire_tensor *tensors; /* into the caller's array of VX_TENSORS_MAX */
} vx_wire_model;

typedef struct vx_wire_gradient {
    double nll; /* of the batch, nats an observation; the sender's claim, any value, NaN too */
    uint64_t samples; /* at most INT64_MAX, as are all counts and times below */
    uint64_t compute_ns;
    bool injected; /* a fault plan was in force: an honest statement of the fault injector, for the
                      records */
    bool altered;  /* by it: what is sent is not the worker's momentum */
} vx_wire_gradient;

typedef enum vx_wire_verdict {
    VX_WIRE_ACCEPTED = 1,
    VX_WIRE_DUPLICATE, /* this slot has contributed to the round already */
    VX_WIRE_STALE,     /* computed for another round or incarnation */
    VX_WIRE_LATE,      /* the round was closed */
    VX_WIRE_MALFORMED, /* wrong size or order of chunks */
    VX_WIRE_NONFINITE, /* holds infinity or NaN */
    VX_WIRE_OVER_QUOTA,
    VX_WIRE_VERDICT_MAX
} vx_wire_verdict;
const char *vx_wire_verdict_name(vx_wire_verdict verdict); /* "accepted" */

typedef struct vx_wire_evaluation {
    double nll;      /* any value */
    double accuracy; /* 0..1 or NaN */
    uint64_t count;
    uint64_t elapsed_ns;
    double deviance; /* any value */
} vx_wire_evaluation;

typedef enum vx_wire_stop_reason {
    VX_WIRE_STOP_DONE = 1, /* all rounds are committed */
    VX_WIRE_STOP_STOPPED,  /* asked to stop; the run can be resumed */
    VX_WIRE_STOP_FAILED,   /* text says why */
    VX_WIRE_STOP_MAX
} vx_wire_stop_reason;

typedef struct vx_wire_stop {
    vx_wire_stop_reason reason;
    char text[256];
} vx_wire_stop;

typedef struct vx_wire_leave {
    char text[256];
} vx_wire_leave;

typedef struct vx_wire_shards {
    size_t count;                    /* at least 1 */
    uint32_t shards[VX_WORKERS_MAX]; /* (count), ascending, each below VX_WORKERS_MAX */
} vx_wire_shards;

typedef enum vx_wire_request {
    VX_WIRE_REQUEST_STATUS = 1,
    VX_WIRE_REQUEST_STOP,
    VX_WIRE_REQUEST_MAX
} vx_wire_request;

/* Encoders: VX_OK and *ret_size, or VX_ERR_LIMIT when buffer is too small. No heap. */
#define VX_WIRE_DECLARE(name, type)                                                                \
    VX_MUST_CHECK vx_status vx_wire_##name##_encode(const type *value, vx_bytes buffer,            \
                                                    size_t *ret_size);                             \
    VX_MUST_CHECK vx_status vx_wire_##name##_decode(vx_cbytes message, type *ret_value,            \
                                                    vx_error *err)

VX_WIRE_DECLARE(hello, vx_wire_hello);
VX_WIRE_DECLARE(welcome, vx_wire_welcome); /* decoded .job points into message */
VX_WIRE_DECLARE(refusal, vx_wire_refusal);
/* decode: ret_value->tensors is set by the caller, and overwritten also on failure */
VX_WIRE_DECLARE(model, vx_wire_model);
VX_WIRE_DECLARE(gradient, vx_wire_gradient);
VX_WIRE_DECLARE(verdict, vx_wire_verdict);
VX_WIRE_DECLARE(evaluation, vx_wire_evaluation);
VX_WIRE_DECLARE(stop, vx_wire_stop);
VX_WIRE_DECLARE(leave, vx_wire_leave);
VX_WIRE_DECLARE(request, vx_wire_request);
VX_WIRE_DECLARE(shards, vx_wire_shards);
#undef VX_WIRE_DECLARE
#endif
