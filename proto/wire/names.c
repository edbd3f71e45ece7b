#include <vx_wire/wire.h>

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
    };

    return type > 0 && type < VX_WIRE_TYPE_MAX ? names[type] : "unknown";
}

const char *vx_wire_refusal_name(vx_wire_refusal_code code)
{
    static const char *const names[VX_WIRE_REFUSED_MAX] = {
        [VX_WIRE_REFUSED_VERSION] = "version",   [VX_WIRE_REFUSED_TOKEN] = "token",
        [VX_WIRE_REFUSED_CONFIG] = "config",     [VX_WIRE_REFUSED_SLOT] = "slot",
        [VX_WIRE_REFUSED_BUSY] = "busy",         [VX_WIRE_REFUSED_OVER] = "over",
        [VX_WIRE_REFUSED_PROTOCOL] = "protocol",
    };

    return code > 0 && code < VX_WIRE_REFUSED_MAX ? names[code] : "unknown";
}

const char *vx_wire_verdict_name(vx_wire_verdict verdict)
{
    static const char *const names[VX_WIRE_VERDICT_MAX] = {
        [VX_WIRE_ACCEPTED] = "accepted",     [VX_WIRE_DUPLICATE] = "duplicate",
        [VX_WIRE_STALE] = "stale",           [VX_WIRE_LATE] = "late",
        [VX_WIRE_MALFORMED] = "malformed",   [VX_WIRE_NONFINITE] = "nonfinite",
        [VX_WIRE_OVER_QUOTA] = "over_quota",
    };

    return verdict > 0 && verdict < VX_WIRE_VERDICT_MAX ? names[verdict] : "unknown";
}
