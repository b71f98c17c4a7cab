// Reorder: any layout to any other of the same type, where the library has nothing but its
// reference code, and in builds without it: by strided copies with one axis in blocks at most, else
// element by element.
#include <utility>
#include <vector>

#include "backends/cpu/parallel.h"
#include "backends/cpu/strided_copy.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/memory/axis_offsets.h"

namespace temper::cpu {
namespace {

// The steps of a layout; an axis in blocks has one for its blocks and 1 within them.
struct Steps {
  Shape outer;
  int blocked = -1;  // the axis in blocks
  std::int64_t block = 1;
};

Steps steps_of(const TensorSpec& spec) {
  if (spec.layout.plain) {
    return {row_major_strides(spec.shape)};
  }
  Steps steps;
  for (int axis = 0; axis < spec.shape.rank(); ++axis) {
    steps.outer.push_back(spec.layout.strides[static_cast<std::size_t>(axis)]);
  }
  if (spec.layout.inner_count == 1) {
    steps.blocked = spec.layout.inner_axis[0];
    steps.block = spec.layout.inner_block[0];
  }
  return steps;
}

Support supports(const OpQuery& query) {
  const TensorSpec &x = query.inputs[0], &y = query.outputs[0];
  if (x.dtype != y.dtype) {
    return Support::no("the types differ; Cast converts");
  }
  if (x.layout.inner_count > 1 || y.layout.inner_count > 1) {
    return Support::no("blocks within blocks");
  }
  const Steps from = steps_of(x), to = steps_of(y);
  const bool same = from.blocked == to.blocked && from.block == to.block;
  if (from.blocked >= 0 && to.blocked >= 0 && !same) {
    return Support::no("blocks of two kinds");
  }
  return x.shape.rank() > 0 && x.shape.element_count() > 0
             ? Support::yes()
             : Support::no("not a tensor of elements");
}

// Indices [first, first + count) of the axis in blocks, or the whole where none is. `count` is a
// number of whole blocks or less than one.
StridedCopy copy_of(const OpQuery& query, const Steps& from, const Steps& to, std::int64_t first,
                    std::int64_t count) {
  const Shape& shape = query.inputs[0].shape;
  const int cut = std::max(from.blocked, to.blocked);
  const std::int64_t block = std::max(from.block, to.block);
  StridedCopy copy(size_of(query.inputs[0].dtype));
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis != cut) {
      copy.add_axis(shape[axis], from.outer[axis], to.outer[axis]);
    }
  }
  if (cut >= 0) {
    // Of one index within a block, of one block, and of the first index.
    const auto within = [&](const Steps& s) { return s.blocked >= 0 ? 1 : s.outer[cut]; };
    const auto across = [&](const Steps& s) { return s.outer[cut] * (s.blocked >= 0 ? 1 : block); };
    if (count >= block) {
      copy.add_axis(count / block, across(from), across(to));
    }
    copy.add_axis(std::min(count, block), within(from), within(to));
    copy.set_first(first / block * across(from), first / block * across(to));
  }
  copy.finish(query.threads);
  return copy;
}

// copy(from, to, threads) moves the elements; the padding of the target is zero before.
template <class F>
std::unique_ptr<Kernel> reordering(const OpQuery& query, const char* description, F copy) {
  const TensorSpec &x = query.inputs[0], &y = query.outputs[0];
  const bool fills = has_padding(y.shape, y.layout);
  const std::int64_t storage = storage_elements(y.shape, y.layout);
  const int threads = threads_for_elements(query.threads, storage);
  auto kernel = make_kernel([copy = std::move(copy), fills, storage, threads,
                             bytes = size_of(y.dtype)](const KernelArgs& args) {
    if (fills) {
      fill_elements(threads, bytes, 0, args.outputs[0], storage);
    }
    copy(args.inputs[0], args.outputs[0], threads);
  });
  kernel->input_layouts = {x.layout};
  kernel->output_layouts = {y.layout};
  kernel->description = description;
  return kernel;
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const TensorSpec &x = query.inputs[0], &y = query.outputs[0];
  const Steps from = steps_of(x), to = steps_of(y);
  const int cut = std::max(from.blocked, to.blocked);
  const std::int64_t block = std::max(from.block, to.block);
  const std::int64_t length = cut < 0 ? 0 : x.shape[cut], whole = length / block * block;
  std::vector<StridedCopy> copies;
  if (cut < 0 || whole > 0) {
    copies.push_back(copy_of(query, from, to, 0, whole));
  }
  if (cut >= 0 && whole < length) {
    copies.push_back(copy_of(query, from, to, whole, length - whole));
  }
  return reordering(query, "strided copy", [copies](const void* from_data, void* to_data, int) {
    for (const StridedCopy& copy : copies) {
      copy.run(from_data, to_data);
    }
  });
}

// --- blocks within blocks ------------------------------------------------------------------

// 16 bits go faster through 32, which the library has code for in most layouts.
Support supports_blocks(const OpQuery& query) {
  const TensorSpec &x = query.inputs[0], &y = query.outputs[0];
  if (x.dtype != y.dtype || size_of(x.dtype) == 2) {
    return Support::no("the types differ, or are of 16 bits");
  }
  return x.shape.rank() > 0 && x.shape.element_count() > 0
             ? Support::yes()
             : Support::no("not a tensor of elements");
}

// The elements of all axes but the last, one by one, and of the last in a loop.
class ElementCopy {
 public:
  ElementCopy(const TensorSpec& x, const TensorSpec& y)
      : axes_(offsets_of_axes(x.shape, x.layout, y.layout)) {
    for (std::size_t i = 0; i + 1 < axes_.size(); ++i) {
      rows_ *= static_cast<std::int64_t>(axes_[i].source.size());
    }
  }
  std::int64_t rows() const { return rows_; }

  template <class T>
  void copy(const void* from, void* to, std::int64_t begin, std::int64_t end) const {
    const AxisOffsets& last = axes_.back();
    for (std::int64_t row = begin; row < end; ++row) {
      std::int64_t source = 0, target = 0, rest = row;
      for (std::size_t i = axes_.size() - 1; i-- > 0;) {
        const auto count = static_cast<std::int64_t>(axes_[i].source.size());
        const auto index = static_cast<std::size_t>(rest % count);
        source += axes_[i].source[index];
        target += axes_[i].target[index];
        rest /= count;
      }
      const T* x = static_cast<const T*>(from) + source;
      T* y = static_cast<T*>(to) + target;
      for (std::size_t j = 0; j < last.source.size(); ++j) {
        y[last.target[j]] = x[last.source[j]];
      }
    }
  }

 private:
  std::vector<AxisOffsets> axes_;
  std::int64_t rows_ = 1;
};

std::unique_ptr<Kernel> prepare_blocks(const OpQuery& query) {
  const TensorSpec &x = query.inputs[0], &y = query.outputs[0];
  return visit_bits(x.dtype, [&]<class T>() {
    return reordering(query, "element by element",
                      [copy = ElementCopy(x, y)](const void* from, void* to, int threads) {
                        parallel_ranges(threads, copy.rows(), 1,
                                        [&](std::int64_t begin, std::int64_t end) {
                                          copy.template copy<T>(from, to, begin, end);
                                        });
                      });
  });
}

}  // namespace

void register_reorder(KernelTable& table) {
  table.add("Reorder", "cpu", supports, prepare);
  table.add("Reorder", "cpu", supports_blocks, prepare_blocks);
}

}  // namespace temper::cpu
