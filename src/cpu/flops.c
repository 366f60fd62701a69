/* Counts of floating-point operations that several kernels share. */
#include "cpu/flops.h"

int64_t bl__times(int64_t a, int64_t b)
{
    int64_t product;
    return bl__multiply(a, b, &product) ? product : INT64_MAX;
}

int64_t bl__plus(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

int64_t bl__flops_none(const bl__call *call)
{
    (void)call;
    return 0;
}

int64_t bl__flops_output(const bl__call *call)
{
    return call->outputs[0]->count;
}

int64_t bl__flops_input(const bl__call *call)
{
    return call->inputs[0]->count;
}
