#ifndef VX_BASE_LIMITS_H
#define VX_BASE_LIMITS_H
/* Every bound of the project that more than one room needs. A bound of one room stands in that
 * room. */
#define VX_WORKERS_MAX        1024         /* slots of a job */
#define VX_BLOCKS_MAX         64           /* parts of a batch, and ranks of a worker */
#define VX_DIMENSION_MAX      (1ULL << 32) /* parameters of a model */
#define VX_TENSORS_MAX        512          /* named tensors of a model */
#define VX_TENSOR_NAME_MAX    96           /* bytes with the zero */
#define VX_TENSOR_RANK_MAX    4
#define VX_NAME_MAX           64 /* job names, rule names, host names cut to it; with the zero */
#define VX_PATH_MAX           4096
#define VX_JOB_TEXT_MAX       (60u * 1024u) /* bytes of a job file: it travels in one message */
#define VX_MESSAGE_BYTES_MAX  (64u * 1024u) /* a protobuf message */
#define VX_CHUNK_BYTES_MAX    (1u << 20)    /* payload of one frame */
#define VX_DOCUMENT_BYTES_MAX (1u << 20)    /* a status document */
#define VX_TOKEN_BYTES        32
#define VX_GROUP_S_MAX        1000000u /* of --group-timeout */
#define VX_ROUNDS_MAX         (1ULL << 48)
#endif
