// Col2Im: an image [N, C, d...] from its blocks [N, C prod(block), L], summed where they overlap.
// Im2Col takes the blocks out of an image: the gradient of the former.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

// a * b of positive numbers.
std::int64_t product(InferContext& c, std::int64_t a, std::int64_t b) {
  c.check(a <= (std::int64_t{1} << 60) / b, "blocks of more elements than can be counted");
  return a * b;
}

// The attributes of all axes, with their defaults; returns the number of blocks.
std::int64_t check_blocks(InferContext& c, const Ints& image, const Ints& block) {
  const std::size_t axes = image.size();
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  c.check(axes > 0 && axes + 2 <= static_cast<std::size_t>(kMaxRank) && block.size() == axes,
          "image_shape has ", axes, " sizes and block_shape ", block.size());
  const Ints dilations = c.attrs().get_ints("dilations", Ints(axes, 1));
  const Ints strides = c.attrs().get_ints("strides", Ints(axes, 1));
  const Ints pads = c.attrs().get_ints("pads", Ints(2 * axes, 0));
  c.check(dilations.size() == axes && strides.size() == axes && pads.size() == 2 * axes,
          "dilations, strides and pads have ", dilations.size(), ", ", strides.size(), " and ",
          pads.size(), " numbers for ", axes, " axes");
  std::int64_t blocks = 1;
  for (std::size_t a = 0; a < axes; ++a) {
    const bool positive = image[a] > 0 && block[a] > 0 && dilations[a] > 0 && strides[a] > 0 &&
                          pads[a] >= 0 && pads[a + axes] >= 0;
    const bool sane = image[a] < kLimit && block[a] < (1 << 20) && dilations[a] < (1 << 20) &&
                      pads[a] < kLimit && pads[a + axes] < kLimit;
    c.check(positive && sane, "axis ", a, " has the size ", image[a], ", block ", block[a],
            ", dilation ", dilations[a], ", stride ", strides[a], ", pads ", pads[a], " and ",
            pads[a + axes]);
    const std::int64_t room =
        image[a] + pads[a] + pads[a + axes] - dilations[a] * (block[a] - 1) - 1;
    c.check(room >= 0, "the block exceeds the image along axis ", a);
    blocks = product(c, blocks, room / strides[a] + 1);
  }
  c.attrs().set("dilations", dilations);
  c.attrs().set("strides", strides);
  c.attrs().set("pads", pads);
  return blocks;
}

std::int64_t elements(InferContext& c, const Ints& block) {
  std::int64_t count = 1;
  for (const std::int64_t size : block) {
    count = product(c, count, size);
  }
  return count;
}

void infer_col2im(InferContext& c) {
  require_number(c);
  const Shape input = c.shape(0);
  c.check(input.rank() == 3, "Col2Im of ", input, ", expected [N, C prod(block), L]");
  const auto image = c.take_ints("image_shape", 1);
  const auto block = c.take_ints("block_shape", 2);
  c.check(image && block, "Col2Im has no image_shape or no block_shape");
  const std::int64_t blocks = check_blocks(c, *image, *block);
  const std::int64_t size = elements(c, *block);
  c.check(input[1] % size == 0 && input[2] == blocks, "Col2Im of ", input, ", expected blocks of ",
          size, " elements, ", blocks, " of them");
  Shape output{input[0], input[1] / size};
  for (const std::int64_t dim : *image) {
    output.push_back(dim);
  }
  c.set_output(0, c.dtype(0), output);
}

void infer_im2col(InferContext& c) {
  const Shape image = c.shape(0);
  c.check(image.rank() >= 3, "Im2Col of ", image);
  const Ints block = c.attrs().get_ints("block_shape");
  const Ints sizes(image.begin() + 2, image.end());
  const std::int64_t blocks = check_blocks(c, sizes, block);
  c.set_output(0, c.dtype(0), {image[0], image[1] * elements(c, block), blocks});
}

// y = sum of blocks;  dx = the blocks of dy
void col2im_gradient(GradContext& g) {
  Attrs attrs = g.attrs();
  attrs.erase("image_shape");
  g.set(0, g.builder().op("Im2Col", {g.dy()}, std::move(attrs)));
}

// y = blocks of x;  dx = the sum of dy's
void im2col_gradient(GradContext& g) {
  const Shape image = g.shape(g.x(0));
  Attrs attrs = g.attrs();
  attrs.set("image_shape", Ints(image.begin() + 2, image.end()));
  g.set(0, g.builder().op("Col2Im", {g.dy()}, std::move(attrs)));
}

}  // namespace

void register_col2im(OpRegistry& ops) {
  ops.add("Col2Im")
      .batch(batch_of_images)
      .inputs(1, 3)
      .absorbs({1, 2})
      .infer(infer_col2im)
      .gradient(col2im_gradient);
  ops.add("Im2Col").infer(infer_im2col).gradient(im2col_gradient).internal();
}

}  // namespace temper::graph
