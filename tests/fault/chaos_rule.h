#ifndef VX_TEST_CHAOS_RULE_H
#define VX_TEST_CHAOS_RULE_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>

/*
 * One line of the proxy's language: VERB [AMOUNT] [WORD [VALUE]]..., in any order after the verb.
 *
 *   where     up (worker to server), down, both (default); conn N; slot N; all (default)
 *   which     type T (of a frame), frame N (the N-th of its direction, from 0), every N, chance P,
 *             once (the first match takes the rule away)
 *
 *   delay MS [jitter MS]       each frame leaves so much later; the order stays
 *   rate BYTES                 at most so many a second
 *   flip BYTES                 one random bit in each so many bytes
 *   drop [which]               frames vanish; without which, so does the end of the stream
 *   duplicate [which]          frames are sent twice
 *   swap [which]               frames are sent after the next one of their direction
 *   cut [after BYTES | which [at N]] [reset]
 *                              ends the connection: now; after so many bytes of its direction; at
 *                              such a frame, N bytes behind the start of its vector
 *   hold, release              nothing passes, not even an end; goes on where it was
 *   freeze                     the connections of now stay open and pass nothing any more
 *   clear                      takes all rules away
 *   stats, quit
 */
typedef enum vx_chaos_verb {
    VX_CHAOS_DELAY,
    VX_CHAOS_RATE,
    VX_CHAOS_FLIP,
    VX_CHAOS_DROP,
    VX_CHAOS_DUPLICATE,
    VX_CHAOS_SWAP,
    VX_CHAOS_CUT,
    VX_CHAOS_HOLD,
    VX_CHAOS_RELEASE,
    VX_CHAOS_FREEZE,
    VX_CHAOS_CLEAR,
    VX_CHAOS_STATS,
    VX_CHAOS_QUIT,
    VX_CHAOS_VERB_MAX
} vx_chaos_verb;

#define VX_CHAOS_ANY UINT64_MAX

typedef struct vx_chaos_rule {
    vx_chaos_verb verb;
    bool up, down, once, reset;
    double amount, jitter, chance;                      /* chance: 1 = always */
    uint64_t conn, slot, type, frame, every, at, after; /* VX_CHAOS_ANY: not given */
} vx_chaos_rule;

/* VX_ERR_USAGE names the word. */
VX_MUST_CHECK vx_status vx_chaos_rule_parse(const char *line, vx_chaos_rule *ret_rule,
                                            vx_error *err);
bool vx_chaos_rule_selects(const vx_chaos_rule *rule); /* has a word of "which" but once */

typedef enum vx_chaos_way { VX_CHAOS_UP, VX_CHAOS_DOWN } vx_chaos_way;

/* What a rule is compared with. */
typedef struct vx_chaos_place {
    uint64_t conn, slot; /* slot VX_CHAOS_ANY: not known yet */
    vx_chaos_way way;
} vx_chaos_place;
bool vx_chaos_rule_covers(const vx_chaos_rule *rule, const vx_chaos_place *place);

/* The rules in force. */
#define VX_CHAOS_RULES_MAX 256
typedef struct vx_chaos_plan {
    vx_chaos_rule rules[VX_CHAOS_RULES_MAX];
    unsigned count;
} vx_chaos_plan;
/* VX_ERR_LIMIT. */
VX_MUST_CHECK vx_status vx_chaos_plan_add(vx_chaos_plan *plan, const vx_chaos_rule *rule);
void vx_chaos_plan_remove(vx_chaos_plan *plan, unsigned index);
void vx_chaos_plan_release(vx_chaos_plan *plan, const vx_chaos_rule *release);
#endif
