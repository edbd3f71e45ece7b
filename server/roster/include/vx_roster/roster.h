#ifndef VX_ROSTER_ROSTER_H
#define VX_ROSTER_ROSTER_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/status.h>

/*
 * Who is in which slot, what each has sent, and what became of it. Pure: no I/O, no clock; the heap
 * only at creation.
 */
typedef enum vx_slot_state {
    VX_SLOT_ABSENT, /* never joined */
    VX_SLOT_LIVE,
    VX_SLOT_LOST, /* its connection broke */
    VX_SLOT_LEFT, /* it said goodbye */
    VX_SLOT_STATE_MAX
} vx_slot_state;
const char *vx_slot_state_name(vx_slot_state state);

/* What becomes of a gradient. */
typedef enum vx_judgement {
    VX_JUDGED_ACCEPTED,
    VX_JUDGED_DUPLICATE, /* the slot has answered this round already */
    VX_JUDGED_STALE,     /* made for an older round */
    VX_JUDGED_LATE, /* made for the round that has just closed, by a slot that had not answered it
                     */
    VX_JUDGED_MALFORMED,  /* a round that does not exist yet, wrong size or order */
    VX_JUDGED_NONFINITE,  /* holds infinity or NaN */
    VX_JUDGED_OVER_QUOTA, /* nothing was asked of this slot */
    VX_JUDGED_MAX
} vx_judgement;

typedef struct vx_slot {
    vx_slot_state state;
    uint32_t incarnation; /* 0 = none yet */
    bool answered;        /* has sent a gradient in this round, good or bad */
    bool collected;       /* and it is valid: its row is present */
    bool expected;        /* this round asks it for a gradient */
    uint64_t last_answer; /* 1 + the last round it answered; 0 = none */
    uint64_t of_round;    /* of the gradient that is collected: this round, or an older one */
    uint64_t entered; /* 1 + the round of its newest gradient that entered an aggregate; 0 = none */
    /* A round: what was made for one before it was drawn from other shards, or for another start of
     * the server. */
    uint64_t draws_since;
    bool nameless; /* what entered last is of an earlier round than entered says: see momentum.c */
    uint64_t received; /* = the sum of judged[] */
    uint64_t judged[VX_JUDGED_MAX];
    uint64_t last_seen_ns;
    uint32_t pid;
    char host[VX_NAME_MAX];
    char blas[VX_NAME_MAX];
    char cpus[VX_NAME_MAX]; /* processors that it may use; "" = not known */
    uint32_t threads;       /* of linear algebra; 0 = not known */
    uint32_t node;          /* 1 + NUMA node; 0 = several, or not known */
    /* of its last accepted gradient */
    double nll, norm, reconstruction, weight; /* NaN = none */
    uint64_t samples;
    bool injected; /* a fault plan was in force */
    bool altered;  /* and changed what was sent */
} vx_slot;

typedef struct vx_roster {
    size_t count;
    vx_slot *slots; /* (count), owned */
    size_t live, collected, outstanding, refused;
    uint64_t staleness; /* rounds that a gradient may be old and still be accepted */
} vx_roster;

VX_MUST_CHECK vx_status vx_roster_create(size_t count, vx_roster *ret_roster);
void vx_roster_destroy(vx_roster *roster); /* leaves it zeroed; takes a zeroed one */

/* A worker takes its slot: a new incarnation, which is returned. The slot is not live before. */
uint32_t vx_roster_join(vx_roster *roster, size_t slot, uint64_t now_ns);
/* LOST or LEFT. A gradient of it that is in stays in. */
void vx_roster_part(vx_roster *roster, size_t slot, vx_slot_state how);

/* Nobody has answered yet. Only the slots of expected (count) are asked; NULL: every slot. */
void vx_roster_begin_round(vx_roster *roster, const bool *expected);
void vx_roster_expect(vx_roster *roster, size_t slot, bool expected); /* in the middle of one */
/* The gradients that are collected have entered the aggregate of this round. */
void vx_roster_commit_round(vx_roster *roster, uint64_t round);

/* What a gradient for `round` from this slot would be now, before its numbers are seen. collecting:
 * round `current` takes gradients. A function of its arguments: charge records it. */
vx_judgement vx_roster_judge(const vx_roster *roster, size_t slot, uint64_t round, uint64_t current,
                             bool collecting);
/* Counts one whole gradient; ACCEPTED and NONFINITE answer the round. */
void vx_roster_charge(vx_roster *roster, size_t slot, uint64_t round, vx_judgement judgement);
#endif
