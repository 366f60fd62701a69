/* Private. Sorting in place without memory of its own, which the C library's qsort may take. */
#ifndef BOWLINE_IO_ORDER_H
#define BOWLINE_IO_ORDER_H

#include <stdbool.h>
#include <stddef.h>

/* What is sorted, seen through two functions of positions. */
typedef struct bl__sortable {
    void *items;
    bool (*before)(const void *items, size_t a, size_t b);
    void (*swap)(void *items, size_t a, size_t b);
} bl__sortable;

/* Heapsort of `count` items. */
void bl__sort(const bl__sortable *what, size_t count);

#endif
