#include <vx_wire/wire.h>

#include <vexil.pb-c.h>

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(VX_WIRE_ROLE_WORKER, VX__ROLE__ROLE_WORKER);
SAME(VX_WIRE_ROLE_OBSERVER, VX__ROLE__ROLE_OBSERVER);
SAME(VX_WIRE_ROLE_MAX, VX_WIRE_ROLE_OBSERVER + 1);
SAME(VX_WIRE_REFUSED_VERSION, VX__REFUSAL_CODE__REFUSAL_VERSION);
SAME(VX_WIRE_REFUSED_PROTOCOL, VX__REFUSAL_CODE__REFUSAL_PROTOCOL);
SAME(VX_WIRE_REFUSED_MAX, VX_WIRE_REFUSED_PROTOCOL + 1);
SAME(VX_WIRE_ACCEPTED, VX__VERDICT_CODE__VERDICT_ACCEPTED);
SAME(VX_WIRE_OVER_QUOTA, VX__VERDICT_CODE__VERDICT_OVER_QUOTA);
SAME(VX_WIRE_VERDICT_MAX, VX_WIRE_OVER_QUOTA + 1);
SAME(VX_WIRE_STOP_DONE, VX__STOP_REASON__STOP_DONE);
SAME(VX_WIRE_STOP_FAILED, VX__STOP_REASON__STOP_FAILED);
SAME(VX_WIRE_STOP_MAX, VX_WIRE_STOP_FAILED + 1);
SAME(VX_WIRE_REQUEST_STATUS, VX__REQUEST_CODE__REQUEST_STATUS);
SAME(VX_WIRE_REQUEST_STOP, VX__REQUEST_CODE__REQUEST_STOP);
SAME(VX_WIRE_REQUEST_MAX, VX_WIRE_REQUEST_STOP + 1);

const char *vx_wire_type_name(uint16_t type)
{
    static const char *const names[VX_WIRE_TYPE_MAX] = {
        [VX_WIRE_HELLO] = "hello",           [VX_WIRE_WELCOME] = "welcome",
        [VX_WIRE_REFUSAL] = "refusal",       [VX_WIRE_MODEL] = "model",
        [VX_WIRE_PARAMETERS] = "parameters", [VX_WIRE_GRADIENT] = "gradient",
        [VX_WIRE_VERDICT] = "verdict",       [VX_WIRE_EVALUATE] = "evaluate",
        [VX_WIRE_EVALUATION] = "evaluation", [VX_WIRE_HEARTBEAT] = "heartbeat",
        [VX_WIRE_LEAVE] = "leave",           [VX_WIRE_STOP] = "stop",
        [VX_WIRE_REQUEST] = "request",       [VX_WIRE_DOCUMENT] = "document",
        [VX_WIRE_STATE] = "state",
    };

    return type < VX_WIRE_TYPE_MAX && names[type] != NULL ? names[type] : "unknown";
}

const char *vx_wire_refusal_name(vx_wire_refusal_code code)
{
    static const char *const names[VX_WIRE_REFUSED_MAX] = {
        [VX_WIRE_REFUSED_VERSION] = "version",   [VX_WIRE_REFUSED_TOKEN] = "token",
        [VX_WIRE_REFUSED_CONFIG] = "config",     [VX_WIRE_REFUSED_SLOT] = "slot",
        [VX_WIRE_REFUSED_BUSY] = "busy",         [VX_WIRE_REFUSED_OVER] = "over",
        [VX_WIRE_REFUSED_PROTOCOL] = "protocol",
    };

    return (unsigned)code < VX_WIRE_REFUSED_MAX && names[code] != NULL ? names[code] : "unknown";
}

const char *vx_wire_verdict_name(vx_wire_verdict verdict)
{
    static const char *const names[VX_WIRE_VERDICT_MAX] = {
        [VX_WIRE_ACCEPTED] = "accepted",     [VX_WIRE_DUPLICATE] = "duplicate",
        [VX_WIRE_STALE] = "stale",           [VX_WIRE_LATE] = "late",
        [VX_WIRE_MALFORMED] = "malformed",   [VX_WIRE_NONFINITE] = "nonfinite",
        [VX_WIRE_OVER_QUOTA] = "over_quota",
    };

    return (unsigned)verdict < VX_WIRE_VERDICT_MAX && names[verdict] != NULL ? names[verdict]
                                                                             : "unknown";
}
