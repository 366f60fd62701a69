/* Private. What flows back through one node. */
#ifndef BOWLINE_GRAPH_FLOW_H
#define BOWLINE_GRAPH_FLOW_H

#include "graph/graph.h"

/* What flows to input `input` of a node from the cotangents of its outputs (NULL: none), and through no other
 * of its inputs: of the input's shape and dtype, NULL where the op passes nothing on. The invalid tensor
 * after an error. */
bl_tensor *bl__flow_through(bl_graph *graph, bl__node *node, size_t input, bl_tensor **cotangents);

#endif
