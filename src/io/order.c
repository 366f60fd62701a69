/* Heapsort. */
#include "io/order.h"

/* Lets the item at `root` sink to its place in the heap of the first `count`. */
static void sink(const bl__sortable *what, size_t root, size_t count)
{
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && what->before(what->items, child, child + 1))
            child++;
        if (!what->before(what->items, root, child))
            return;
        what->swap(what->items, root, child);
        root = child;
    }
}

void bl__sort(const bl__sortable *what, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sink(what, root, count);
    for (size_t end = count; end-- > 1;) {
        what->swap(what->items, 0, end);
        sink(what, 0, end);
    }
}
