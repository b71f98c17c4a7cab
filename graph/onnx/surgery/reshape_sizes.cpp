#include "graph/onnx/surgery/reshape_sizes.h"

#include <algorithm>

#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

Sizes fixed(std::int64_t size) { return {size, size, size}; }

Sizes product(const std::vector<Sizes>& all) {
  Sizes made = fixed(1);
  for (const Sizes& one : all) {
    for (std::size_t i = 0; i < kSizings; ++i) {
      made[i] *= one[i];
    }
  }
  return made;
}

std::ptrdiff_t count_varying(const std::vector<Sizes>& all) {
  return std::count_if(all.begin(), all.end(), varies);
}

// Dimensions of the output, some of which are sizes that are known, with the product `wanted`.
void choose(const std::vector<std::int64_t>& dims, const Sizes& wanted,
            const std::function<std::vector<Sizes>(std::int64_t)>& varying_of,
            std::vector<Sizes>& chosen, std::vector<std::vector<Sizes>>& found) {
  if (chosen.size() == dims.size()) {
    if (product(chosen) == wanted) {
      found.push_back(chosen);
    }
    return;
  }
  const std::int64_t dim = dims[chosen.size()];
  std::vector<Sizes> options = {fixed(dim)};
  if (dim > 1) {
    const std::vector<Sizes> known = varying_of(dim);
    options.insert(options.end(), known.begin(), known.end());
  }
  for (const Sizes& option : options) {
    chosen.push_back(option);
    choose(dims, wanted, varying_of, chosen, found);
    chosen.pop_back();
  }
}

// One dimension takes all of the change: those that could.
std::vector<std::vector<Sizes>> with_one_varying(const std::vector<std::int64_t>& dims,
                                                 const Sizes& wanted) {
  std::vector<std::vector<Sizes>> found;
  for (std::size_t at = 0; at < dims.size(); ++at) {
    std::int64_t others = 1;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      others *= i == at ? 1 : dims[i];
    }
    const bool whole = std::all_of(wanted.begin(), wanted.end(), [&](std::int64_t size) {
      return others > 0 && size % others == 0;
    });
    if (whole && (dims[at] > 1 || dims.size() == 1)) {
      std::vector<Sizes> made;
      for (const std::int64_t dim : dims) {
        made.push_back(fixed(dim));
      }
      for (std::size_t i = 0; i < kSizings; ++i) {
        made[at][i] = wanted[i] / others;
      }
      found.push_back(made);
    }
  }
  return found;
}

}  // namespace

ReshapeSizes reshape_sizes(const std::vector<Sizes>& input, const std::vector<std::int64_t>& output,
                           const std::function<std::vector<Sizes>(std::int64_t)>& varying_of) {
  ReshapeSizes made;
  std::size_t i = 0, j = 0;
  while (i < input.size() || j < output.size()) {
    std::vector<Sizes> in;
    std::vector<std::int64_t> out;
    std::int64_t in_count = 1, out_count = 1;
    do {
      // Elements are in the order of the dimensions, so the smaller part grows.
      const bool take_in = i < input.size() && (j == output.size() || in_count <= out_count);
      if (take_in) {
        in.push_back(input[i++]);
        in_count *= in.back()[0];
      } else if (j < output.size()) {
        out.push_back(output[j++]);
        out_count *= out.back();
      } else {
        break;
      }
    } while (in_count != out_count || out.empty());
    const Sizes wanted = product(in);
    std::vector<std::vector<Sizes>> found;
    std::vector<Sizes> chosen;
    choose(out, wanted, varying_of, chosen, found);
    if (found.empty()) {
      found = with_one_varying(out, wanted);
    }
    const auto fewest = std::min_element(
        found.begin(), found.end(),
        [](const auto& a, const auto& b) { return count_varying(a) < count_varying(b); });
    const auto alike = std::count_if(found.begin(), found.end(), [&](const auto& one) {
      return count_varying(one) == count_varying(*fewest);
    });
    if (alike != 1) {
      std::erase(out, 1);
      made.unclear = concat("splits ", wanted[0], " into ", join(out, " x "),
                            found.empty() ? ", which other sizes do not allow"
                                          : ": which of them grows cannot be seen");
      return made;
    }
    made.output.insert(made.output.end(), fewest->begin(), fewest->end());
  }
  return made;
}

}  // namespace temper::graph
