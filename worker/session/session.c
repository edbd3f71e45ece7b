#include <vx_session/session.h>

#include <vx_base/assert.h>
#include <vx_base/rng.h>

#define BACKOFF_MS_MIN 100u
#define BACKOFF_MS_MAX 5000u
#define STEP_MS_MIN    1000u

/* The only writer of link. */
static void link_enter(vx_session *session, vx_session_link to)
{
    static const bool allowed[VX_SESSION_LINK_MAX][VX_SESSION_LINK_MAX] = {
        [VX_SESSION_DOWN][VX_SESSION_DIALING] = true,
        [VX_SESSION_DIALING][VX_SESSION_GREETING] = true,
        [VX_SESSION_DIALING][VX_SESSION_DOWN] = true,
        [VX_SESSION_GREETING][VX_SESSION_UP] = true,
        [VX_SESSION_GREETING][VX_SESSION_DOWN] = true,
        [VX_SESSION_UP][VX_SESSION_DOWN] = true,
    };

    VX_ASSERT(session->link < VX_SESSION_LINK_MAX);
    VX_ASSERT(allowed[session->link][to]);
    session->link = to;
    session->acted = false;
}

void vx_session_init(vx_session *session, uint64_t seed, uint32_t slot, uint64_t now_ms,
                     vx_session_patience patience)
{
    *session = (vx_session){
        .link = VX_SESSION_DOWN,
        .slot = slot,
        .seed = seed,
        .down_since_ms = now_ms,
        .patience = patience,
        .wanted = VX_SESSION_NO_ROUND,
        .computed = VX_SESSION_NO_ROUND,
        .sent = VX_SESSION_NO_ROUND,
        .working_on = VX_SESSION_NO_ROUND,
    };
}

static vx_session_action next_for_link(vx_session *session)
{
    if (session->acted)
        return VX_SESSION_WAIT;
    if (session->link == VX_SESSION_DOWN) {
        link_enter(session, VX_SESSION_DIALING);
        session->acted = true;
        return VX_SESSION_DIAL;
    }
    if (session->link == VX_SESSION_GREETING) {
        session->acted = true;
        return VX_SESSION_GREET;
    }
    return VX_SESSION_WAIT;
}

/* The gradient at hand is wanted, or not too old. */
static bool is_wanted(const vx_session *session)
{
    if (session->computed == VX_SESSION_NO_ROUND || session->wanted == VX_SESSION_NO_ROUND)
        return false;
    return session->computed <= session->wanted &&
           session->wanted - session->computed <= session->staleness;
}

vx_session_action vx_session_next(vx_session *session)
{
    if (session->ended)
        return VX_SESSION_END;
    if (session->link == VX_SESSION_UP && !session->ready && !session->setting_up) {
        session->setting_up = true;
        return VX_SESSION_SET_UP;
    }
    if (session->link == VX_SESSION_UP && !session->working && is_wanted(session) &&
        session->sent != session->computed) {
        session->sent = session->computed;
        return VX_SESSION_SEND;
    }
    if (session->ready && !session->working && !session->blocked &&
        session->wanted != VX_SESSION_NO_ROUND && session->wanted != session->computed) {
        session->working = true;
        session->working_on = session->wanted;
        return VX_SESSION_COMPUTE;
    }
    return next_for_link(session);
}

void vx_session_connected(vx_session *session)
{
    link_enter(session, VX_SESSION_GREETING);
}

void vx_session_heard(vx_session *session, uint64_t now_ms)
{
    if (session->link == VX_SESSION_GREETING)
        session->down_since_ms = now_ms;
}

static uint64_t patience_ms(const vx_session *session)
{
    return session->joined ? session->patience.again_ms : session->patience.first_ms;
}

uint64_t vx_session_limit_ms(const vx_session *session, uint64_t now_ms, uint64_t at_most_ms)
{
    uint64_t down_ms = now_ms - session->down_since_ms;
    uint64_t left_ms = patience_ms(session) > down_ms ? patience_ms(session) - down_ms : 0;

    left_ms = left_ms > STEP_MS_MIN ? left_ms : STEP_MS_MIN;
    return left_ms < at_most_ms ? left_ms : at_most_ms;
}

void vx_session_lost(vx_session *session, uint64_t now_ms)
{
    uint32_t shift = session->failures < 6 ? session->failures : 6;
    uint32_t ceiling = BACKOFF_MS_MIN << shift;
    vx_rng rng = vx_rng_stream(session->seed, VX_RNG_BACKOFF, session->slot, session->failures);

    if (session->link == VX_SESSION_UP)
        session->down_since_ms = now_ms;
    if (session->link != VX_SESSION_DOWN)
        link_enter(session, VX_SESSION_DOWN);
    ceiling = ceiling < BACKOFF_MS_MAX ? ceiling : BACKOFF_MS_MAX;
    session->delay_ms = ceiling / 2 + (uint32_t)vx_rng_below(&rng, ceiling / 2 + 1);
    session->failures++;
    if (now_ms - session->down_since_ms > patience_ms(session))
        vx_session_end(session, VX_ERR_UNAVAILABLE);
}

void vx_session_welcomed(vx_session *session, uint32_t epoch)
{
    link_enter(session, VX_SESSION_UP);
    session->joined = true;
    session->failures = 0;
    session->sent = VX_SESSION_NO_ROUND;
    session->wanted = VX_SESSION_NO_ROUND; /* the server says anew what it wants */
    if (epoch != session->epoch)
        vx_session_forget(session);
    session->epoch = epoch;
}

void vx_session_set_up(vx_session *session)
{
    VX_ASSERT(session->setting_up);
    session->setting_up = false;
    session->ready = true;
}

void vx_session_replacing(vx_session *session)
{
    session->wanted = VX_SESSION_NO_ROUND;
}

void vx_session_parameters(vx_session *session, uint64_t round)
{
    VX_ASSERT(round != VX_SESSION_NO_ROUND);
    session->wanted = round;
}

void vx_session_computed(vx_session *session)
{
    VX_ASSERT(session->working);
    session->working = false;
    session->computed = session->outdated ? VX_SESSION_NO_ROUND : session->working_on;
    session->outdated = false;
}

void vx_session_block(vx_session *session, bool blocked)
{
    session->blocked = blocked;
}

void vx_session_forget(vx_session *session)
{
    session->computed = VX_SESSION_NO_ROUND;
    session->outdated = session->working;
}

void vx_session_end(vx_session *session, vx_status outcome)
{
    if (session->ended)
        return;
    session->ended = true;
    session->outcome = outcome;
}
