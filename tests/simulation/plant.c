#include "plant.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_transport/frame.h>
#include <vx_wire/wire.h>

#include "model.h"
#include "storage.h"
#include "world.h"

#define DEAF_AFTER_NS (300 * SIM_MS)

static sim_plant planted;

const char *sim_plant_name(sim_plant plant)
{
    static const char *const names[SIM_PLANT_MAX] = {
        [SIM_PLANT_NONE] = "none",
        [SIM_PLANT_DOUBLE_ROW] = "double-row",
        [SIM_PLANT_SKIP_CRC] = "skip-crc",
        [SIM_PLANT_OLD_ROW] = "old-row",
        [SIM_PLANT_MIXTURE] = "mixture",
        [SIM_PLANT_FORGET_ROUND] = "forget-round",
        [SIM_PLANT_MISCOUNT] = "miscount",
        [SIM_PLANT_DEAF] = "deaf",
        [SIM_PLANT_LEAK] = "leak",
        [SIM_PLANT_UNSAVED] = "unsaved",
        [SIM_PLANT_TORN_STATUS] = "torn-status",
        [SIM_PLANT_OLD_RESULT] = "old-result",
        [SIM_PLANT_STALE_TWICE] = "stale-twice",
        [SIM_PLANT_SHARED_SHARD] = "shared-shard",
        [SIM_PLANT_MOVED_SHARD] = "moved-shard",
    };

    return plant < SIM_PLANT_MAX ? names[plant] : "unknown";
}

static void switch_on(sim_scenario *scenario, sim_fault fault)
{
    scenario->on[fault] = true;
    scenario->mean_ns[fault] = SIM_S;
}

void sim_plant_begin(sim_scenario *scenario, sim_plant plant)
{
    planted = plant;
    if (plant == SIM_PLANT_FORGET_ROUND)
        switch_on(scenario, SIM_FAULT_KILL_SERVER);
    if (plant == SIM_PLANT_UNSAVED || plant == SIM_PLANT_OLD_RESULT)
        switch_on(scenario, SIM_FAULT_DRAIN_SERVER);
    if (plant == SIM_PLANT_TORN_STATUS)
        switch_on(scenario, SIM_FAULT_DUMP_SERVER);
}

/* What slot 0 had in the round before, again and with its age: the next of its kind. */
static void repeat_row(const vx_server *server)
{
    static float before[SIM_DIMENSION_MAX];
    static uint64_t next; /* 1 + the round that it was made for */
    size_t size = server->dimension * sizeof(float);

    if (planted != SIM_PLANT_STALE_TWICE || !server->present[0])
        return;
    if (next > 0 && next == server->row.round && server->job->workers.staleness > 0) {
        memcpy(server->rows, before, size);
        server->age[0] = 1;
        return;
    }
    next = server->row.round - server->age[0] + 1;
    memcpy(before, server->rows, size);
}

void sim_plant_rows(const vx_server *server)
{
    static float before[SIM_DIMENSION_MAX];
    size_t size = server->dimension * sizeof(float);

    repeat_row(server);
    if (planted != SIM_PLANT_OLD_ROW || !server->present[0])
        return;
    if (server->row.round == 5)
        memcpy(server->rows, before, size);
    memcpy(before, server->rows, size);
}

void sim_plant_rows_behind(const vx_server *server)
{
    if (planted == SIM_PLANT_DOUBLE_ROW && server->row.round == 3 && server->present[0])
        for (size_t i = 0; i < server->dimension; i++)
            server->rows[i] *= 2.0f;
}

uint64_t sim_plant_miscount(unsigned slot)
{
    return planted == SIM_PLANT_MISCOUNT && slot == 1 ? 1 : 0;
}

size_t sim_plant_leak(void)
{
    return planted == SIM_PLANT_LEAK ? (size_t)sim_events() * 16384 : 0;
}

bool sim_plant_deaf(unsigned from_host, unsigned to_host)
{
    bool concerns = from_host == 1 || to_host == 1 || from_host == 2 || to_host == 2;

    return planted == SIM_PLANT_DEAF && concerns && sim_now() > DEAF_AFTER_NS;
}

void sim_plant_restart(void)
{
    if (planted == SIM_PLANT_FORGET_ROUND)
        sim_run_dir_lose_newest();
}

static void write_file(const char *name, const char *text)
{
    char *path = vx_path_join(SIM_RUN_DIR, name);

    (void)!vx_file_replace(path, (vx_cbytes){ (const uint8_t *)text, strlen(text) }, 0644, NULL);
    vx_free(path);
}

void sim_plant_stopped(void)
{
    if (planted == SIM_PLANT_UNSAVED)
        sim_run_dir_lose_newest();
    if (planted == SIM_PLANT_OLD_RESULT)
        write_file("result.json", "{\"format\":1,\"state\":\"stopped\",\"parameters_digest\":\"\","
                                  "\"rounds\":0,\"epoch\":1}");
    if (planted == SIM_PLANT_TORN_STATUS)
        write_file("status.json", "{\"format\":1,\"state\":\"trai");
}

void sim_plant_border(const vx_server *server)
{
    vx_assigned *slots = server->assignment.slots;

    if (planted != SIM_PLANT_MOVED_SHARD || server->round.number < 3 || slots[1].owner != 1 ||
        slots[0].load == 0)
        return;
    slots[1].owner = 0;
    slots[0].load++;
    slots[1].load--;
}

static void make_good(uint8_t *frame, vx_frame_header *header)
{
    const uint8_t *message = frame + VX_FRAME_HEADER_SIZE;

    header->body_crc = vx_frame_body_crc(
        (vx_cbytes){ message, header->message_size },
        (vx_cbytes){ message + header->message_size, (size_t)header->payload_size });
    vx_frame_header_encode(header, frame);
}

/* Slot 0 is told to draw from the shard of slot 1, which draws from it as well. */
static void share_shard(uint8_t *frame, vx_frame_header *header)
{
    static vx_wire_shards shards;
    uint8_t *message = frame + VX_FRAME_HEADER_SIZE;
    size_t size = 0;

    if (header->slot != 0 ||
        vx_wire_shards_decode((vx_cbytes){ message, header->message_size }, &shards, NULL) != VX_OK)
        return;
    if (shards.count != 1 || shards.shards[0] != 0)
        return;
    shards.shards[0] = 1;
    VX_ASSERT(vx_wire_shards_encode(&shards, (vx_bytes){ message, header->message_size }, &size) ==
              VX_OK);
    VX_ASSERT(size == header->message_size);
    make_good(frame, header);
}

void sim_plant_frame(uint8_t *frame, size_t size)
{
    vx_frame_header header;
    uint8_t *payload = frame + VX_FRAME_HEADER_SIZE;

    if (planted != SIM_PLANT_SKIP_CRC && planted != SIM_PLANT_MIXTURE &&
        planted != SIM_PLANT_SHARED_SHARD)
        return;
    if (size < VX_FRAME_HEADER_SIZE || vx_frame_header_decode(frame, &header, NULL) != VX_OK ||
        size < VX_FRAME_HEADER_SIZE + header.message_size + header.payload_size)
        return;
    if (planted == SIM_PLANT_SHARED_SHARD && header.type == VX_WIRE_SHARDS)
        share_shard(frame, &header);
    if (header.payload_size == 0)
        return;
    payload += header.message_size;
    if (planted == SIM_PLANT_SKIP_CRC && header.type == VX_WIRE_GRADIENT &&
        sim_chance(SIM_DICE_NETWORK, 0.05)) {
        payload[sim_below(SIM_DICE_NETWORK, header.payload_size)] ^= 1;
        make_good(frame, &header);
    }
    if (planted == SIM_PLANT_MIXTURE && header.type == VX_WIRE_PARAMETERS && header.round == 4) {
        memset(payload, 0, header.payload_size / 2);
        make_good(frame, &header);
    }
}
