// DepthToSpace and SpaceToDepth, which undo each other: the blocks of b x b pixels of an image
// [N, C, H b, W b] and its channels [N, C b b, H, W],
//   space[n, c, h b + i, w b + j] = depth[n, m, h, w]
// with m = (i b + j) C + c in mode DCR and (c b + i) b + j in mode CRD.
#include <string>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

constexpr const char* kToSpace = "DepthToSpace";
constexpr const char* kToDepth = "SpaceToDepth";

void infer_blocks(InferContext& c) {
  const Shape input = c.shape(0);
  const std::string name = c.node().op->name();
  c.check(input.rank() == 4, name, " of ", input, ", expected [N, C, H, W]");
  const std::int64_t block = c.attrs().get_int("blocksize", 0);
  c.check(block > 0 && block < (1 << 15), name, " has blocksize ", block);
  for (const std::int64_t dim : input) {
    c.check(dim < (std::int64_t{1} << 32), name, " of ", input, ": ", dim, " is too large");
  }
  const std::string mode = c.attrs().get_string("mode", "DCR");
  c.check(mode == "DCR" || mode == "CRD", name, " has mode '", mode, "', expected DCR or CRD");
  c.attrs().set("mode", mode);
  if (name == kToSpace) {
    c.check(input[1] % (block * block) == 0, "the ", input[1], " channels of ", input,
            " are no blocks of ", block, " x ", block);
    c.set_output(0, c.dtype(0),
                 {input[0], input[1] / (block * block), input[2] * block, input[3] * block});
  } else {
    c.check(input[2] % block == 0 && input[3] % block == 0, "the image ", input,
            " is not made of blocks of ", block, " x ", block);
    c.set_output(0, c.dtype(0),
                 {input[0], input[1] * block * block, input[2] / block, input[3] / block});
  }
}

// dx = the inverse of dy
void blocks_gradient(GradContext& g) {
  const char* inverse = g.node().op->name() == kToSpace ? kToDepth : kToSpace;
  g.set(0, g.builder().op(inverse, {g.dy()}, g.attrs()));
}

// DepthToSpace got its mode with opset 11, SpaceToDepth with 28.
void upgrade_blocks(NodeDraft& d) {
  if (d.opset < (d.op == kToSpace ? 11 : 28)) {
    d.attrs.erase("mode");
  }
}

}  // namespace

void register_depth_to_space(OpRegistry& ops) {
  for (const char* name : {kToSpace, kToDepth}) {
    ops.add(name)
        .upgrade(upgrade_blocks)
        .batch(batch_of_images)
        .moves(Movement::kPermute)
        .infer(infer_blocks)
        .gradient(blocks_gradient);
  }
}

}  // namespace temper::graph
