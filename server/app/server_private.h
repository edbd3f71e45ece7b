#ifndef VX_SERVER_APP_SERVER_PRIVATE_H
#define VX_SERVER_APP_SERVER_PRIVATE_H
#include <uv.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/bytes.h>
#include <vx_base/clock.h>
#include <vx_checkpoint/checkpoint.h>
#include <vx_config/job.h>
#include <vx_control/journal.h>
#include <vx_ledger/ledger.h>
#include <vx_optimise/optimise.h>
#include <vx_roster/assignment.h>
#include <vx_roster/roster.h>
#include <vx_round/pace.h>
#include <vx_round/recovery.h>
#include <vx_round/round.h>
#include <vx_server_app/server.h>
#include <vx_transport/conn.h>
#include <vx_transport/reactor.h>
#include <vx_wire/wire.h>

/*
 * The server of one job: one loop thread that never computes, one work item at a time on the thread
 * pool. Fields marked (work) belong to that item from its start to its end and are not touched by
 * the loop meanwhile.
 */
typedef struct vx_server vx_server;
typedef struct vx_peer vx_peer;

/* A copy of the parameters of one round that goes out to many; borrowed by the sends of `holders`
 * peers. */
typedef struct vx_snapshot {
    float *at;           /* (d) */
    uint32_t *chunk_crc; /* one a chunk of VX_CHUNK_BYTES_MAX */
    uint64_t round;
    unsigned holders;
    bool filling; /* (work) */
} vx_snapshot;
#define VX_SNAPSHOTS 4 /* the current one, the next one, and two for peers that lag */

typedef enum vx_work_kind {
    VX_WORK_NONE,
    VX_WORK_FORWARD, /* recorded updates applied, after the workers could not make those rounds
                        again */
    VX_WORK_RECOVER, /* checkpoint and ledger into memory, recorded updates applied again */
    VX_WORK_ROUND,   /* aggregate, step, record */
    VX_WORK_RECORD   /* a round that is made and could not be recorded: tried again */
} vx_work_kind;

/* A checkpoint on its way to the disk, from a copy of one round, while rounds go on. */
/* The name of a rule's memory among the states of the optimiser. */
#define VX_MEMORY_NAME "aggregation.memory"

typedef struct vx_saver {
    uv_work_t work;
    bool due;    /* a round whose copy is wanted has been reached */
    bool loaded; /* the copy is made; running: it belongs to the pool until its end */
    bool running;
    bool copies; /* this run of the work makes the copy itself: no round is being made */
    uint64_t rounds;
    uint64_t oldest;  /* checkpoint that may still be gone back to; 0 = the beginning */
    float *theta;     /* (d) */
    float *state;     /* (optimiser states and memory of the rule, d) */
    float *momentum;  /* (slots, d), or NULL */
    uint64_t *labels; /* (slots) 0 = no momentum */
    vx_status status;
    vx_error error;
} vx_saver;

typedef enum vx_peer_stage {
    VX_PEER_GREETING, /* has not said hello */
    VX_PEER_WAITING,  /* its hello is good, the model is not known yet */
    VX_PEER_WELCOMED,
    VX_PEER_CLOSING
} vx_peer_stage;

struct vx_peer {
    vx_server *server;
    vx_peer *next;
    vx_conn *conn;
    vx_peer_stage stage;
    vx_wire_hello hello;
    uint32_t slot, incarnation; /* slot: VX_FRAME_SLOT_NONE unless a worker */
    vx_snapshot *sending;       /* held until all its chunks are sent */
    size_t chunks_waiting;
    uint64_t sent_round;  /* 1 + round of the newest parameters sent; 0 = none */
    uint64_t sent_ns;     /* when */
    uint64_t shards_told; /* version of what it was told to draw from; 0 = nothing yet */
    bool left;            /* said goodbye */
    /* the gradient that is coming in */
    uint64_t receive_round, receive_next;
    uint64_t receive_during; /* the round that was under way at its first chunk */
    vx_judgement receive_judgement;
    bool receive_nonfinite;
    bool in_row;           /* a chunk is coming into the slot's row right now */
    uint64_t gradients_of; /* sent_round that `gradients` counts for */
    unsigned gradients;    /* that came since these parameters were sent */
    double control_left;   /* control frames that it may send now; grows with time */
    uint64_t control_ns;   /* when that was so */
    uint8_t *scratch;      /* chunk that is refused; NULL for other roles */
    vx_bytes document;     /* owned while it is being sent */
};

/* Where the server listens, and what it tells others of that. */
typedef struct vx_server_address {
    vx_listener *listeners[VX_ENDPOINTS_MAX];
    size_t listeners_count;
    vx_endpoint advertised[VX_ENDPOINTS_MAX];
    char text[VX_ENDPOINTS_MAX][VX_ENDPOINT_TEXT_SIZE];
    const char *texts[VX_ENDPOINTS_MAX];
    size_t advertised_count;
    vx_endpoint local; /* for processes of this host */
    const char *rule;  /* why these: given, bound, interface, reachable, loopback */
} vx_server_address;

struct vx_server {
    vx_server_options options;
    vx_log log;
    vx_clock clock;
    uv_loop_t loop;
    bool loop_ready;
    int lock_fd, log_fd;

    vx_job *job;
    vx_bytes job_text; /* resolved */
    vx_digest config;
    uint64_t job_id;
    uint32_t epoch;
    uint8_t (*slot_tokens)[VX_TOKEN_BYTES];
    uint8_t evaluator_token[VX_TOKEN_BYTES], observer_token[VX_TOKEN_BYTES];

    vx_server_address address;
    vx_peer *peers; /* list */
    size_t peers_count;
    size_t peers_max;
    double tells_left; /* what strangers do is told so many times more */
    uint64_t tells_ns, tells_left_out;
    bool strained;        /* it was said that no connection can be taken, and not that they can */
    uint64_t strained_ns; /* when it was last said */
    vx_peer **slot_peers; /* (slots) the live worker of a slot, or NULL */
    vx_peer *evaluator;   /* welcomed, or NULL */

    /* known once the evaluator has told the model */
    bool ready;
    size_t dimension, chunks;
    vx_wire_tensor *tensors;
    size_t tensors_count;
    uint64_t initial_next; /* bytes of the first parameters that are in */
    float *theta, *update; /* (d) (work) */
    float *rows;           /* (slots, d); present rows (work) */
    bool *present;         /* (slots) (work) */
    uint64_t *age;         /* (slots) rounds that a present row is old (work) */
    /* Worker momentum: what a slot sent last that entered an aggregate is its state; a new
     * incarnation goes on with it. NULL without momentum. */
    float *state_rows; /* (slots, d); changes places with rows at each commit */
    bool *state_held;  /* (slots) state_rows has the state labelled slot.entered */
    bool *row_busy;    /* (slots) (work) a late chunk is coming into the row */
    vx_snapshot snapshots[VX_SNAPSHOTS];
    vx_snapshot *current; /* parameters of round.number */
    vx_aggregator *aggregator;
    vx_optimiser *optimiser;

    vx_round round;
    vx_roster roster;
    vx_pace pace;
    /* The shards; what a border works with, each (slots). */
    vx_assignment assignment;
    vx_presence *shard_slots;
    vx_shard_move *shard_moves;
    uint32_t *shard_owners;
    uint64_t ready_ns;            /* slots that have not joined since are away since then */
    vx_checkpoint_loaded *loaded; /* until recovery needs it no more */

    uv_timer_t start_timer, deadline_timer, heartbeat_timer, finish_timer, retry_timer;
    uv_timer_t stall_timer;
    uv_signal_t sigint, sigterm, sigusr1, sigusr2, sighup;
    unsigned signals;

    /* the one work item */
    uv_work_t work;
    vx_work_kind working;
    bool aggregate_waits, record_waits;
    vx_saver saver;

    /* the ledger (work) and the record of the round that is being made */
    vx_ledger *ledger;
    vx_ledger_slot *record_slots; /* (slots) */
    vx_ledger_round record;
    uint64_t prune_below;      /* a checkpoint that is saved meanwhile moves it */
    uint64_t work_prune_below; /* (work) what it was when the work began */

    /* recovery */
    vx_recovery plan;
    uint64_t *recovered; /* (slots) labels of momentum, until the server is ready (work) */
    bool *recovered_old; /* (slots) and what entered was of an earlier round (work) */
    float *initial;      /* (d) first parameters, while a run without checkpoint may be rewound */
    bool updates_kept;   /* of every round of the plan: whatever workers send, it stays as it is */
    bool kept;           /* the round that is being made again has its recorded update (work) */
    bool may_rewind;     /* the updates were applied, but workers may lack their momentum */
    uint64_t replay_until; /* rounds below it are recorded, and are made again */
    vx_ledger_round replayed;
    vx_ledger_slot *replayed_slots; /* (slots) */
    bool *expected;                 /* (slots) */
    bool diverged, forget_records;  /* (work) */
    bool shards_lost;               /* where they were is not known */
    vx_error unread; /* the newest checkpoint that is there and could not be read, and its rounds */
    uint64_t unread_rounds;
    char diverged_why[256]; /* (work) */
    vx_snapshot *work_snapshot;
    vx_aggregate_report report; /* borrowed from the aggregator until the next run */
    vx_status work_status;
    vx_error work_error;
    vx_metrics_row row;
    uint64_t lambda_quiet; /* rounds below it do not warn of lambda again */
    uint64_t saved_rounds; /* committed rounds of the newest checkpoint; UINT64_MAX = none */
    uint64_t work_started_ns;

    /* the evaluator process */
    uv_process_t evaluator_process;
    bool evaluator_running, evaluator_alive;
    unsigned evaluator_starts;
    bool evaluating;
    uint64_t evaluating_round; /* rounds committed in what is being evaluated */
    uint64_t evaluate_next;    /* round whose parameters are to be evaluated when the evaluator is
                                  free; UINT64_MAX none */
    vx_test_result test;

    /* numbers for people */
    vx_journal *journal;
    uint64_t started_ns, round_began_ns, published_ns, last_commit_ns, state_since_ns;
    uint64_t started_realtime_ns;
    double loss, rate;
    vx_phases phases_sum;
    uint64_t phases_count;
    vx_digest parameters_digest;
    char message[400];
    bool start_stalls; /* workers are missing since a tenth of the start timeout */

    bool finishing, finished, card_written, last_save_waits;
    vx_status outcome;
    vx_error outcome_error;
};

/* server.c */
uint64_t vx_server_now(const vx_server *server); /* monotonic ns */
void vx_server_summary(vx_server *server, const char *state, vx_run_summary *ret_summary);
const char *vx_server_state_name(const vx_server *server);
vx_frame_header vx_server_header(const vx_server *server, const vx_peer *peer, vx_wire_type type,
                                 uint64_t round);

/* tensors.c */
vx_status vx_server_optimiser_create(vx_server *server, vx_error *err) VX_MUST_CHECK;

/* recover.c */
/* The model is known and theta holds the first parameters: takes all memory, starts the recovery,
 * which opens the rounds when it is done. */
vx_status vx_server_make_ready(vx_server *server, vx_error *err) VX_MUST_CHECK;
void vx_recover_work(vx_server *server); /* on the pool */
void vx_recover_after(vx_server *server);
/* Checkpoints of more rounds are renamed: they are of a history that nobody derives again, and were
 * one read at another start, two histories would mix. */
void vx_recover_set_aside(vx_server *server, uint64_t rounds);
void vx_recover_done(vx_server *server); /* frees what only recovery needs */
/* To the checkpoint, or to the first parameters when there is none. */
vx_status vx_recover_restore(vx_server *server, vx_error *err) VX_MUST_CHECK;
/* A rule with a memory (centered_clipping) goes on from an update that it did not make now:
 * server->update. */
void vx_server_remember(vx_server *server);
/* One recorded round whose update was kept. VX_AGAIN: it was not. past is a roster of the caller's
 * that only serves for this. */
vx_status vx_recover_apply(vx_server *server, uint64_t round, vx_roster *past,
                           vx_error *err) VX_MUST_CHECK;
/* The shards where the last round before this one left them. The record may be older than what is
 * recovered; when it is damaged, the shards begin where they began. */
vx_status vx_recover_shards(vx_server *server, uint64_t round, vx_error *err) VX_MUST_CHECK;
/* The loop's view of what has been recovered: round, labels, first snapshot. */
void vx_recover_take_up(vx_server *server, uint64_t round);

/* replay.c */
/* Before the first round: when a worker lacks the momentum that it should go on with, the run goes
 * back to the checkpoint, and the workers make the recorded rounds again. True: it went back. */
bool vx_replay_rewinds(vx_server *server);
/* The update of the round that is made again, when the ledger kept it, into server->update. */
vx_status vx_replay_update(vx_server *server, bool *ret_kept, vx_error *err) VX_MUST_CHECK;
/* The recorded rounds that workers cannot make again are applied from the ledger, which has their
 * updates; what workers lack then begins anew. */
void vx_replay_forward(vx_server *server);
void vx_replay_forward_work(vx_server *server); /* on the pool */
void vx_replay_forward_after(vx_server *server);

/* momentum.c */
vx_status vx_momentum_rows_create(vx_server *server) VX_MUST_CHECK;
/* What a worker is told at its welcome: the label, and whether the state follows. */
void vx_momentum_of(const vx_server *server, const vx_peer *peer, uint64_t *ret_label,
                    const float **ret_state);
void vx_momentum_mark_busy(vx_server *server);     /* before a round's work */
void vx_momentum_carry(vx_server *server);         /* in it, on the pool */
void vx_momentum_committed(vx_server *server);     /* after it */
bool vx_momentum_at_hand(const vx_server *server); /* every live worker can go on */

/* shards.c */
vx_status vx_shards_create(vx_server *server) VX_MUST_CHECK;
void vx_shards_destroy(vx_server *server);
void vx_shards_border(vx_server *server); /* a new round begins */
/* Where the shards were in a recorded round. */
void vx_shards_recorded(vx_server *server, const vx_ledger_round *record);
/* A new round asks this slot, or would: of the live ones those that have a shard. */
bool vx_shards_awaits(const vx_server *server, size_t slot);
void vx_shards_tell(vx_peer *peer); /* before parameters, when it does not know */
/* In a round that cannot reach its quorum, slots that returned without a shard draw from their own
 * at once. Its owner may have drawn from it too. */
void vx_shards_lend(vx_server *server);

/* run_dir.c */
vx_status vx_server_open_run_dir(vx_server *server, vx_error *err) VX_MUST_CHECK;
vx_status vx_server_write_card(vx_server *server, vx_error *err) VX_MUST_CHECK;
void vx_server_remove_card(vx_server *server);
vx_status vx_server_reopen_log(vx_server *server, vx_error *err) VX_MUST_CHECK;
void vx_server_dump(vx_server *server); /* status.json: where the run stands, for people */

/* address.c */
vx_status vx_address_open(vx_server *server, vx_error *err) VX_MUST_CHECK;
void vx_address_close(vx_server *server); /* again and again, too */
void vx_address_tell(vx_server *server);  /* to log and journal */

/* peers.c, greeting.c */
void vx_server_on_accept(void *owner, vx_conn *conn);
/* door.c: how many connections there may be; makes room by closing one that has said nothing. */
void vx_door_measure(vx_server *server);
bool vx_door_has_room(vx_server *server);
/* Whether a line about somebody who is nobody yet may be written: they could fill the disk. */
bool vx_door_may_tell(vx_server *server);
void vx_door_strained(void *owner, int error); /* see vx_listener_strained */
void vx_peer_send(vx_peer *peer, vx_wire_type type, uint64_t round,
                  vx_cbytes message); /* closes it on failure */
void vx_peer_send_vector(vx_peer *peer, vx_wire_type type, uint64_t round, const float *at);
vx_status vx_peer_hello(vx_peer *peer, vx_cbytes message, vx_error *err) VX_MUST_CHECK;
void vx_peer_refuse(vx_peer *peer, vx_wire_refusal_code code, bool retry, const char *text);
void vx_peer_welcome(vx_peer *peer);
void vx_server_welcome_waiting(vx_server *server);
void vx_peer_request(vx_peer *peer, vx_cbytes message);

/* gradients.c */
vx_status vx_gradient_header(vx_peer *peer, const vx_frame_header *header, uint8_t **ret_payload,
                             vx_error *err) VX_MUST_CHECK;
vx_status vx_gradient_frame(vx_peer *peer, const vx_frame_header *header, vx_cbytes message,
                            vx_bytes payload, vx_error *err) VX_MUST_CHECK;

/* snapshots.c */
vx_status vx_snapshots_create(vx_server *server) VX_MUST_CHECK;
void vx_snapshots_destroy(vx_server *server);
vx_snapshot *
vx_snapshot_free_one(vx_server *server); /* NULL: all are held; the laggards have been closed */
void vx_snapshot_fill(vx_snapshot *snapshot, const float *theta, size_t dimension, uint64_t round);
/* Sends all chunks to a peer that holds none. */
void vx_snapshot_send(vx_peer *peer, vx_snapshot *snapshot, vx_wire_type type);
void vx_peer_sent(vx_peer *peer);          /* one chunk is out */
void vx_peer_drop_snapshot(vx_peer *peer); /* at its end */

/* rounds.c */
void vx_server_census(vx_server *server,
                      vx_round_event_kind kind); /* steps the round, performs the action */
void vx_server_offer_parameters(vx_peer *peer);  /* to a worker that may contribute now */

/* waiting.c */
void vx_waiting_describe(vx_server *server);              /* the message of a run that waits */
void vx_waiting_on_start(uv_timer_t *timer);              /* each tenth of the start timeout */
void vx_waiting_failed(vx_server *server, vx_error *err); /* the run ends by round.failure */

/* commit.c */
void vx_server_work(vx_server *server); /* starts the work items that are due, if none runs */
void vx_server_start_work(vx_server *server, vx_work_kind kind);

/* saver.c */
vx_status vx_saver_create(vx_server *server) VX_MUST_CHECK;
void vx_saver_destroy(vx_server *server);
void vx_saver_due(vx_server *server, uint64_t rounds);  /* a round was committed */
void vx_saver_copy(vx_server *server, uint64_t rounds); /* on the pool, beside no other work */
void vx_saver_start(vx_server *server);                 /* writes the copy, if there is one */
bool vx_saver_delays(vx_server *server);                /* the next round's work */
void vx_saver_last(vx_server *server); /* what is committed and not saved, at the end of the run */
bool vx_saver_busy(const vx_server *server);

/* evaluator.c */
vx_status vx_evaluator_start(vx_server *server, vx_error *err) VX_MUST_CHECK;
vx_status vx_evaluator_header(vx_peer *peer, const vx_frame_header *header, uint8_t **ret_payload,
                              vx_error *err) VX_MUST_CHECK;
vx_status vx_evaluator_frame(vx_peer *peer, const vx_frame_header *header, vx_cbytes message,
                             vx_error *err) VX_MUST_CHECK;
void vx_evaluator_due(vx_server *server,
                      uint64_t rounds); /* evaluate the current parameters when it is free */
void vx_evaluator_try(vx_server *server);
void vx_evaluator_lost(vx_server *server);
bool vx_evaluator_has_told(const vx_server *server);   /* the model, whole */
bool vx_evaluator_is_awaited(const vx_server *server); /* an evaluation is under way or due */

/* finish.c */
void vx_server_finish(vx_server *server, vx_status outcome,
                      const vx_error *err); /* begins the end; once */
/* The same, and also when the run is ending well already. */
void vx_server_fail(vx_server *server, vx_status status, const vx_error *err);
void vx_server_finish_step(vx_server *server); /* goes on with it when what it waits for is there */
#endif
