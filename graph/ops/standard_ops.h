// The registry of all ops in this folder. register_all_ops() is written by CMake from the folder's
// file names: it calls register_<file stem>(OpRegistry&) of every .cpp here.
#pragma once

#include "graph/ir/op_registry.h"

namespace temper::graph {

void register_all_ops(OpRegistry& registry);

// The one shared, immutable registry, filled on first use.
inline const OpRegistry& standard_ops() {
  static const OpRegistry registry = [] {
    OpRegistry made;
    register_all_ops(made);
    return made;
  }();
  return registry;
}

}  // namespace temper::graph
