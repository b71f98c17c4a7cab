// Brings one node from its opset (7 to 28) to the canonical form, opset 28's.
#pragma once

#include "graph/ir/node_draft.h"

namespace temper::graph {

// Applies the op's rule, if it has one (OpDef::upgrade): ops without a rule mean the same in all
// opsets, apart from the types they take. THROWS: kUnsupported through refuse(), kInvalidModel for
// attributes that make no sense.
void upgrade(NodeDraft& draft);

}  // namespace temper::graph
