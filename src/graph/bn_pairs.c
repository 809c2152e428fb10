/* The pair search of the fold: which BatchNormalization belongs to which layer, and why not. */
#include "graph/bn_pairs.h"
