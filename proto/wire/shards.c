#include <vx_wire/wire.h>

#include <string.h>

#include <vexil.pb-c.h>

#include "codec.h"
#include "field.h"

vx_status vx_wire_shards_encode(const vx_wire_shards *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Shards message = VX__SHARDS__INIT;
    uint32_t shards[VX_WORKERS_MAX];

    if (value->count > VX_WORKERS_MAX)
        return VX_ERR_LIMIT;
    memcpy(shards, value->shards, value->count * sizeof(*shards));
    message.n_shards = value->count;
    message.shards = shards;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_shards(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                             vx_error *err)
{
    const Vx__Shards *message = (const Vx__Shards *)base;
    vx_wire_shards *shards = ret_value;
    uint32_t least = 0;

    (void)bytes;
    if (vx_field_range(message->n_shards, 1, VX_WORKERS_MAX, "number of shards", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    for (size_t i = 0; i < message->n_shards; i++) {
        if (vx_field_range(message->shards[i], least, VX_WORKERS_MAX - 1, "shard", err) != VX_OK)
            return VX_ERR_PROTOCOL;
        least = message->shards[i] + 1;
    }
    *shards = (vx_wire_shards){ .count = message->n_shards };
    memcpy(shards->shards, message->shards, shards->count * sizeof(*shards->shards));
    return VX_OK;
}

vx_status vx_wire_shards_decode(vx_cbytes message, vx_wire_shards *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__shards__descriptor, message, take_shards, ret_value, err);
}
