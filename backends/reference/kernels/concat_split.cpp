// Concat and Split: per outer index, one run of memory per part.
#include <cstring>

#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

struct Part {
  std::size_t slot;       // input of Concat, output of Split
  std::size_t run_bytes;  // the part's share of one outer index
  std::size_t offset;     // where it begins in the whole's run
};

struct Parts {
  std::vector<Part> list;
  std::int64_t outer = 1;
  std::size_t whole_bytes = 0;
};

// `sizes` along `axis`; slots whose spec is not present are skipped.
Parts make_parts(const TensorSpec& whole, int axis, const std::vector<std::int64_t>& sizes,
                 const std::vector<TensorSpec>& specs) {
  Parts parts;
  parts.outer = whole.shape.count(0, axis);
  const auto inner_bytes =
      static_cast<std::size_t>(whole.shape.count(axis + 1, whole.shape.rank())) *
      size_of(whole.dtype);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t run = static_cast<std::size_t>(sizes[i]) * inner_bytes;
    if (specs[i].present() && run != 0) {
      parts.list.push_back({i, run, parts.whole_bytes});
    }
    parts.whole_bytes += run;
  }
  return parts;
}

std::unique_ptr<Kernel> prepare_concat(const OpQuery& query) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  std::vector<std::int64_t> sizes;
  for (const TensorSpec& input : query.inputs) {
    sizes.push_back(input.shape[axis]);
  }
  const Parts parts = make_parts(query.outputs[0], axis, sizes, query.inputs);
  return make_kernel([parts](const KernelArgs& args) {
    std::byte* whole = static_cast<std::byte*>(args.outputs[0]);
    for (const Part& part : parts.list) {
      const std::byte* from = static_cast<const std::byte*>(args.inputs[part.slot]);
      for (std::int64_t outer = 0; outer < parts.outer; ++outer) {
        const auto o = static_cast<std::size_t>(outer);
        std::memcpy(whole + o * parts.whole_bytes + part.offset, from + o * part.run_bytes,
                    part.run_bytes);
      }
    }
  });
}

std::unique_ptr<Kernel> prepare_split(const OpQuery& query) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const Parts parts =
      make_parts(query.inputs[0], axis, query.attrs->get_ints("split"), query.outputs);
  return make_kernel([parts](const KernelArgs& args) {
    const std::byte* whole = static_cast<const std::byte*>(args.inputs[0]);
    for (const Part& part : parts.list) {
      std::byte* to = static_cast<std::byte*>(args.outputs[part.slot]);
      for (std::int64_t outer = 0; outer < parts.outer; ++outer) {
        const auto o = static_cast<std::size_t>(outer);
        std::memcpy(to + o * part.run_bytes, whole + o * parts.whole_bytes + part.offset,
                    part.run_bytes);
      }
    }
  });
}

}  // namespace

void register_concat_split(KernelTable& table) {
  table.add("Concat", "reference", {}, prepare_concat);
  table.add("Split", "reference", {}, prepare_split);
}

}  // namespace temper::reference
