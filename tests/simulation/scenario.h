#ifndef VX_SIMULATION_SCENARIO_H
#define VX_SIMULATION_SCENARIO_H
#include <stdbool.h>
#include <stdint.h>

typedef enum sim_mode {
    SIM_MODE_SAFETY,  /* faults until the end: nothing wrong may happen */
    SIM_MODE_LIVENESS /* faults end: the run must be done within a bound */
} sim_mode;

typedef enum sim_fault {
    SIM_FAULT_KILL_WORKER,
    SIM_FAULT_KILL_SERVER,
    SIM_FAULT_KILL_EVALUATOR,
    SIM_FAULT_STOP_WORKER,      /* TERM; it comes back */
    SIM_FAULT_STOP_SERVER,      /* TERM; it is resumed */
    SIM_FAULT_INTERRUPT_SERVER, /* INT */
    SIM_FAULT_DRAIN_SERVER,     /* USR1 */
    SIM_FAULT_DUMP_SERVER,      /* USR2 */
    SIM_FAULT_HANGUP_SERVER,    /* HUP; its log has been moved away */
    SIM_FAULT_STOP_TWICE,       /* TERM, and TERM or INT soon after */
    SIM_FAULT_STOP_RECOVERY,    /* TERM or USR1 while it applies or replays what was recorded */
    SIM_FAULT_PAUSE_WORKER,
    SIM_FAULT_PAUSE_SERVER,
    SIM_FAULT_HOST_WORKER, /* its host loses power and comes back */
    SIM_FAULT_HOST_SERVER,
    SIM_FAULT_PARTITION,
    SIM_FAULT_ONE_WAY,
    SIM_FAULT_SWIZZLE, /* links of a random subset stop one by one, return in another order */
    SIM_FAULT_BREAK,
    SIM_FAULT_FLIP,
    SIM_FAULT_TWICE,
    SIM_FAULT_SWAPPED,
    SIM_FAULT_SPIKE,
    SIM_FAULT_SLOW_LINK,
    SIM_FAULT_TIGHT_BUFFERS,
    SIM_FAULT_PIECES,
    SIM_FAULT_CLOCK_JUMP,
    SIM_FAULT_NO_DESCRIPTORS,
    SIM_FAULT_DISK_SLOW,
    SIM_FAULT_DISK_FULL,
    SIM_FAULT_DISK_ERROR,
    SIM_FAULT_STRANGER,  /* garbage, wrong tokens, slow or silent connections, floods */
    SIM_FAULT_IMPOSTOR,  /* a second client with the token of a live slot */
    SIM_FAULT_BYZANTINE, /* one slot is a program that breaks every rule it can */
    SIM_FAULT_STAY_AWAY, /* a worker comes back when its shard has been given away */
    SIM_FAULT_JOINER,    /* a slot that nobody waits for joins or leaves */
    SIM_FAULT_MAX
} sim_fault;

/* Harness faults that a checker must notice: see vexil-simulate --plant. */
typedef enum sim_plant {
    SIM_PLANT_NONE,
    SIM_PLANT_DOUBLE_ROW,   /* a gradient enters its aggregate twice */
    SIM_PLANT_SKIP_CRC,     /* flipped bits pass every CRC */
    SIM_PLANT_OLD_ROW,      /* a row of the round before is used again */
    SIM_PLANT_MIXTURE,      /* a worker gets half of the old and half of the new parameters */
    SIM_PLANT_FORGET_ROUND, /* a restarted server loses checkpoint and ledger */
    SIM_PLANT_MISCOUNT,     /* the accounting of a slot is off by one */
    SIM_PLANT_DEAF,         /* a worker is never heard again */
    SIM_PLANT_LEAK,         /* the server's memory grows with each connection */
    SIM_PLANT_UNSAVED,      /* a server that was stopped leaves no checkpoint */
    SIM_PLANT_TORN_STATUS,  /* status.json ends in the middle */
    SIM_PLANT_OLD_RESULT,   /* a server that was stopped leaves the result of another */
    SIM_PLANT_STALE_TWICE,  /* a gradient enters once more, as an old one */
    SIM_PLANT_SHARED_SHARD, /* a worker draws from a shard of another, too */
    SIM_PLANT_MOVED_SHARD,  /* a shard moves, and its owner is there */
    SIM_PLANT_MAX
} sim_plant;
const char *sim_plant_name(sim_plant plant);

/*
 * Liveness: the run is done so long after the last fault. At most 60 s for the start timeout of the
 * jobs, when a slot does not come; 10 s for an agent's longest pause and 10 s for a dial and its
 * pause; 9 s for a silence to be noticed, with its grace; 60 s for rounds that end at their
 * deadline.
 */
#define SIM_LIVENESS_S 150u

typedef struct sim_scenario {
    uint64_t seed;
    sim_mode mode;
    sim_plant plant;
    unsigned variant; /* of the model */
    bool clean;       /* no fault at all */
    bool on[SIM_FAULT_MAX];
    uint64_t mean_ns[SIM_FAULT_MAX]; /* between two of a kind */
    uint64_t faults_end_ns;
    uint64_t end_ns; /* safety: the world ends here; liveness: the run must be done */
    unsigned byzantine_slot;
    uint64_t work_low_ns, work_high_ns;
    uint32_t patience_s;
} sim_scenario;

/* What a seed means. */
sim_scenario sim_scenario_of(uint64_t seed, sim_mode mode);
sim_scenario sim_scenario_clean(sim_scenario scenario); /* the same without faults */
#endif
