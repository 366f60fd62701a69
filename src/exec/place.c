/* Placing blocks. First in the order of time, each block into the smallest gap that is there when it begins:
 * that takes about as long as there are blocks. Where it takes clearly more than what is alive at once, all
 * blocks are put down in one order after the other, each as low as those that live at the same time let it:
 * the largest first, the longest, those that take most of both. Then the best of these orders is varied,
 * mostly so that what ends at the top comes earlier. The best of all is kept. */
#include "exec/place.h"

#include <string.h>

enum {
    MOST_IN_ORDER = 4096, /* blocks: putting them down in an order takes time with their square */
    MOST_VARIATIONS = 4096,
    MOST_WORK = 1 << 24, /* pairs of blocks that the variations may look at */
    CLOSE = 128          /* a part of 1 / CLOSE above the bound is no reason to look further */
};

/* ---- sorting ---- */

static void merge(const uint32_t *from, uint32_t *to, size_t middle, size_t count, const uint64_t *key)
{
    size_t a = 0, b = middle;
    for (size_t i = 0; i < count; i++) {
        bool right = a == middle || (b < count && key[from[b]] < key[from[a]]);
        to[i] = from[right ? b++ : a++];
    }
}

void bl__sort_by_key(uint32_t *numbers, uint32_t *room, size_t count, const uint64_t *key)
{
    uint32_t *from = numbers, *to = room;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t part = count - i < 2 * width ? count - i : 2 * width;
            merge(from + i, to + i, width < part ? width : part, part, key);
        }
        uint32_t *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != numbers)
        memcpy(numbers, from, count * sizeof(*numbers));
}

/* ---- in the order of time ---- */

/* A free range of the workspace. */
typedef struct range {
    size_t offset, bytes;
} range;

/* The free ranges in the order of their offsets, none touching the next; beyond `top` everything is free. */
typedef struct free_list {
    const bl_allocator *allocator;
    range *ranges;
    size_t count, capacity, top;
} free_list;

static void remove_range(free_list *f, size_t at)
{
    f->count--;
    memmove(&f->ranges[at], &f->ranges[at + 1], (f->count - at) * sizeof(*f->ranges));
}

/* New room at the top, of which a free range that ends there is the beginning. */
static size_t take_at_top(free_list *f, size_t bytes)
{
    size_t offset = f->top;
    if (f->count > 0 && f->ranges[f->count - 1].offset + f->ranges[f->count - 1].bytes == f->top)
        offset = f->ranges[--f->count].offset;
    f->top = offset + bytes;
    return offset;
}

/* The smallest free range that is large enough, or new room. */
static size_t take(free_list *f, size_t bytes)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < f->count; i++) {
        if (f->ranges[i].bytes >= bytes && (best == SIZE_MAX || f->ranges[i].bytes < f->ranges[best].bytes))
            best = i;
    }
    if (best == SIZE_MAX)
        return take_at_top(f, bytes);
    size_t offset = f->ranges[best].offset;
    f->ranges[best].offset += bytes;
    f->ranges[best].bytes -= bytes;
    if (f->ranges[best].bytes == 0)
        remove_range(f, best);
    return offset;
}

/* Gives a range back, joined with its neighbours. False without memory. */
static bool give(free_list *f, size_t offset, size_t bytes)
{
    size_t at = f->count;
    while (at > 0 && f->ranges[at - 1].offset > offset)
        at--;
    bool joins_left = at > 0 && f->ranges[at - 1].offset + f->ranges[at - 1].bytes == offset;
    bool joins_right = at < f->count && offset + bytes == f->ranges[at].offset;
    if (joins_left) {
        f->ranges[at - 1].bytes += bytes + (joins_right ? f->ranges[at].bytes : 0);
        if (joins_right)
            remove_range(f, at);
    } else if (joins_right) {
        f->ranges[at].offset = offset;
        f->ranges[at].bytes += bytes;
    } else {
        if (f->count == f->capacity && !bl__grow(f->allocator, &f->ranges, &f->capacity, sizeof(*f->ranges)))
            return false;
        memmove(&f->ranges[at + 1], &f->ranges[at], (f->count - at) * sizeof(*f->ranges));
        f->ranges[at] = (range){offset, bytes};
        f->count++;
    }
    return true;
}

/* What placing works with, all by number of the block. */
typedef struct placing {
    const bl_allocator *allocator;
    bl__block *blocks;
    size_t count, bound;
    uint64_t *key;
    uint32_t *order, *ends, *placed, *best_order;
    size_t *best; /* offsets */
    size_t top;   /* that these take */
} placing;

static void sort(const placing *p, uint32_t *numbers)
{
    for (size_t i = 0; i < p->count; i++)
        numbers[i] = (uint32_t)i;
    bl__sort_by_key(numbers, p->placed, p->count, p->key);
}

/* Keeps the blocks' offsets if they take less than all before. */
static bool keep_if_better(placing *p, size_t top)
{
    if (top >= p->top)
        return false;
    p->top = top;
    for (size_t i = 0; i < p->count; i++)
        p->best[i] = p->blocks[i].offset;
    return true;
}

static bool place_by_time(placing *p)
{
    free_list f = {.allocator = p->allocator};
    size_t ended = 0;
    bool done = true;
    for (size_t i = 0; i < p->count; i++)
        p->key[i] = (uint64_t)p->blocks[i].last;
    sort(p, p->ends);
    for (size_t i = 0; i < p->count; i++)
        p->key[i] = (uint64_t)p->blocks[i].first;
    sort(p, p->order);
    for (size_t i = 0; i < p->count && done; i++) {
        bl__block *block = &p->blocks[p->order[i]];
        for (; done && p->blocks[p->ends[ended]].last < block->first; ended++)
            done = give(&f, p->blocks[p->ends[ended]].offset, p->blocks[p->ends[ended]].bytes);
        block->offset = take(&f, block->bytes);
        done = done && f.top <= (size_t)INT64_MAX / 2;
    }
    bl__release(p->allocator, f.ranges, f.capacity, sizeof(*f.ranges));
    if (done)
        keep_if_better(p, f.top);
    return done;
}

/* ---- in any order ---- */

static bool meet(const bl__block *a, const bl__block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Where a block fits lowest among the first `count` that are placed, which are in the order of their offsets.
 */
static size_t lowest_gap(const placing *p, const bl__block *own, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const bl__block *other = &p->blocks[p->placed[i]];
        if (!meet(own, other))
            continue;
        if (other->offset >= at + own->bytes)
            break;
        size_t end = other->offset + other->bytes;
        at = end > at ? end : at;
    }
    return at;
}

/* Puts the blocks down in `order`; how many bytes that takes. */
static size_t place_in_order(placing *p)
{
    size_t top = 0;
    for (size_t i = 0; i < p->count; i++) {
        bl__block *block = &p->blocks[p->order[i]];
        block->offset = lowest_gap(p, block, i);
        top = block->offset + block->bytes > top ? block->offset + block->bytes : top;
        size_t at = i;
        for (; at > 0 && p->blocks[p->placed[at - 1]].offset > block->offset; at--)
            p->placed[at] = p->placed[at - 1];
        p->placed[at] = p->order[i];
    }
    return top;
}

enum {
    BY_BYTES,
    BY_LENGTH,
    BY_BOTH,
    ORDERS
};

/* The larger, the earlier in the order. */
static uint64_t weight(const bl__block *block, int order)
{
    uint64_t length = (uint64_t)(block->last - block->first) + 1;
    if (order == BY_BYTES)
        return block->bytes;
    if (order == BY_LENGTH)
        return length;
    double both = (double)block->bytes * (double)length;
    return both < 9e18 ? (uint64_t)both : INT64_MAX;
}

static bool is_close(const placing *p)
{
    return p->top - p->bound <= p->bound / CLOSE;
}

static void try_orders(placing *p)
{
    for (int order = 0; order < ORDERS && !is_close(p); order++) {
        for (size_t i = 0; i < p->count; i++)
            p->key[i] = UINT64_MAX - weight(&p->blocks[i], order);
        sort(p, p->order);
        memcpy(p->ends, p->order, p->count * sizeof(*p->ends));
        if (keep_if_better(p, place_in_order(p)) || order == 0)
            memcpy(p->best_order, p->ends, p->count * sizeof(*p->ends));
    }
}

/* xorshift64: choices that are the same every time. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Moves one number of the order to another place. */
static void move(uint32_t *order, size_t from, size_t to)
{
    uint32_t moved = order[from];
    if (to < from)
        memmove(&order[to + 1], &order[to], (from - to) * sizeof(*order));
    else
        memmove(&order[from], &order[from + 1], (to - from) * sizeof(*order));
    order[to] = moved;
}

/* Has a block that ended at the top come at an earlier place of the order, or any block at any. */
static void vary(placing *p, size_t top, uint64_t *random)
{
    size_t at = next(random) % p->count, to = next(random) % p->count;
    if (next(random) % 2) {
        for (size_t i = 0, seen = 0; i < p->count; i++) {
            const bl__block *block = &p->blocks[p->order[i]];
            if (block->offset + block->bytes == top && next(random) % ++seen == 0)
                at = i;
        }
        to = at > 0 ? next(random) % at : 0;
    }
    move(p->order, at, to);
}

/* Goes on from an order that takes no more than the last one. */
static void vary_orders(placing *p)
{
    uint64_t random = 0x9e3779b97f4a7c15u;
    size_t pairs = p->count * p->count / 2 + 1, rounds = MOST_WORK / pairs;
    rounds = rounds < MOST_VARIATIONS ? rounds : MOST_VARIATIONS;
    memcpy(p->order, p->best_order, p->count * sizeof(*p->order));
    size_t own = place_in_order(p), top = own;
    for (size_t i = 0; i < rounds && !is_close(p); i++) {
        vary(p, top, &random);
        top = place_in_order(p);
        keep_if_better(p, top);
        if (top <= own) {
            own = top;
            memcpy(p->best_order, p->order, p->count * sizeof(*p->order));
            continue;
        }
        memcpy(p->order, p->best_order, p->count * sizeof(*p->order));
        if (i + 1 < rounds) /* for what ends at the top */
            top = place_in_order(p);
    }
}

bool bl__place_blocks(const bl_allocator *allocator, bl__block *blocks, size_t count, size_t bound,
                      size_t *top)
{
    placing p = {.allocator = allocator, .blocks = blocks, .count = count, .bound = bound, .top = SIZE_MAX};
    *top = 0;
    if (count == 0)
        return true;
    uint32_t *numbers = bl__allocate(allocator, 4 * count, sizeof(*numbers));
    p.key = bl__allocate(allocator, count, sizeof(*p.key));
    p.best = bl__allocate(allocator, count, sizeof(*p.best));
    bool done = numbers && p.key && p.best;
    if (done) {
        p.order = numbers;
        p.ends = numbers + count;
        p.placed = numbers + 2 * count;
        p.best_order = numbers + 3 * count;
        done = place_by_time(&p);
    }
    if (done && !is_close(&p) && count <= MOST_IN_ORDER) {
        try_orders(&p);
        vary_orders(&p);
    }
    for (size_t i = 0; i < count && done; i++)
        blocks[i].offset = p.best[i];
    *top = p.top;
    bl__release(allocator, numbers, 4 * count, sizeof(*numbers));
    bl__release(allocator, p.key, count, sizeof(*p.key));
    bl__release(allocator, p.best, count, sizeof(*p.best));
    return done;
}
