/* Private. Cotangents of one tensor that are put together rather than added, where that is less work: slices
 * next to each other become one concat, and thin products one product of all their rows. */
#ifndef BOWLINE_OPS_JOINT_H
#define BOWLINE_OPS_JOINT_H

#include "graph/graph.h"

/* Cotangents that wait to be put together, in the order of the result. */
typedef struct bl__joint {
    bl_tensor *tensor; /* whose cotangents they are */
    struct bl__joint *next;
    struct bl__joint_part *first, *last;
    size_t count;
    const bl_op *op;   /* that made all of them */
    int64_t low, high; /* of slices: what they cover of their axis; of products: rows */
} bl__joint;

/* Whether a cotangent can be put together with others. */
bool bl__is_joinable(const bl_tensor *cotangent);

/* A joint of one cotangent, which is joinable, in the arena; NULL without memory. */
bl__joint *bl__joint_new(bl__arena *arena, bl_tensor *tensor, bl_tensor *cotangent);

/* Takes one more if it fits to those that are there. *full says that there was no memory. */
bool bl__joint_take(bl__arena *arena, bl__joint *joint, bl_tensor *cotangent, bool *full);

/* The sum of all that were taken, recorded. The arena is for its while. */
bl_tensor *bl__joint_sum(bl__arena *arena, const bl__joint *joint);

#endif
