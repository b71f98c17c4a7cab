// Col2Im and Im2Col, through the place of each block's elements in an image. Sums of floats run in
// double.
#include <algorithm>
#include <vector>

#include "backends/reference/elementwise.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

Shape image_of(const Shape& shape) {
  Shape image;
  for (int axis = 2; axis < shape.rank(); ++axis) {
    image.push_back(shape[axis]);
  }
  return image;
}

// For each element of a block, for each block: its place in an image, or -1 in the padding.
std::vector<std::int64_t> places_of_blocks(const Attrs& attrs, const Shape& images) {
  if (images[0] * images[1] == 0) {
    return {};
  }
  const Shape image = image_of(images);
  const int axes = image.rank();
  const Shape strides = row_major_strides(image);
  const std::vector<std::int64_t> block = attrs.get_ints("block_shape");
  const std::vector<std::int64_t> steps = attrs.get_ints("strides");
  const std::vector<std::int64_t> pads = attrs.get_ints("pads");
  const std::vector<std::int64_t> dilations = attrs.get_ints("dilations");
  Shape blocks;
  for (int a = 0; a < axes; ++a) {
    const auto i = static_cast<std::size_t>(a);
    const std::int64_t room = image[a] + pads[i] + pads[i + static_cast<std::size_t>(axes)] -
                              dilations[i] * (block[i] - 1) - 1;
    blocks.push_back(room / steps[i] + 1);
  }
  std::vector<std::int64_t> places;
  walk_indices(Shape(block), [&](std::int64_t, const std::int64_t* within) {
    walk_indices(blocks, [&](std::int64_t, const std::int64_t* which) {
      std::int64_t place = 0;
      for (int a = 0; a < axes; ++a) {
        const auto i = static_cast<std::size_t>(a);
        const std::int64_t at = which[a] * steps[i] - pads[i] + within[a] * dilations[i];
        place = place < 0 || at < 0 || at >= image[a] ? -1 : place + at * strides[a];
      }
      places.push_back(place);
    });
  });
  return places;
}

template <class T>
std::unique_ptr<Kernel> col2im_kernel(const OpQuery& query) {
  using A = std::conditional_t<std::is_floating_point_v<T>, double, T>;
  const Shape& shape = query.outputs[0].shape;
  const std::int64_t images = shape[0] * shape[1];
  const std::int64_t pixels = image_of(shape).element_count();
  auto kernel = make_kernel(
      [images, pixels, places = places_of_blocks(*query.attrs, shape)](const KernelArgs& args) {
        const T* x = static_cast<const T*>(args.inputs[0]);
        T* y = static_cast<T*>(args.outputs[0]);
        A* sums = static_cast<A*>(args.workspace);
        for (std::int64_t n = 0; n < images; ++n, y += pixels) {
          std::fill_n(sums, pixels, A(0));
          for (const std::int64_t place : places) {
            const A value = static_cast<A>(*x++);
            if (place >= 0) {
              sums[place] = static_cast<A>(sums[place] + value);
            }
          }
          std::transform(sums, sums + pixels, y, [](A sum) { return static_cast<T>(sum); });
        }
      });
  kernel->workspace_bytes = images == 0 ? 0 : static_cast<std::size_t>(pixels) * sizeof(A);
  return kernel;
}

std::unique_ptr<Kernel> prepare_im2col(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const std::int64_t images = shape[0] * shape[1];
  const std::int64_t pixels = image_of(shape).element_count();
  const std::vector<std::int64_t> places = places_of_blocks(*query.attrs, shape);
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([images, pixels, places](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t n = 0; n < images; ++n, x += pixels) {
        for (const std::int64_t place : places) {
          *y++ = place < 0 ? T(0) : x[place];
        }
      }
    });
  });
}

}  // namespace

void register_col2im(KernelTable& table) {
  add_number(table, "Col2Im",
             []<class T>(const OpQuery& query) { return col2im_kernel<T>(query); });
  table.add("Im2Col", kFamily, {}, prepare_im2col);
}

}  // namespace temper::reference
