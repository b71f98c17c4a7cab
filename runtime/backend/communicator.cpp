#include "runtime/backend/communicator.h"

#include <algorithm>
#include <functional>

#include "runtime/base/alignment.h"
#include "runtime/base/error.h"

namespace temper {
namespace {

using Part = Communicator::Part;

class Parts final : public KernelState {
 public:
  std::vector<Part> list;
};

class AllReduceKernel final : public Kernel {
 public:
  AllReduceKernel(const OpQuery& query, Communicator& ranks) : ranks_(ranks) {
    for (std::size_t i = 0; i < query.inputs.size(); ++i) {
      const TensorSpec& in = query.inputs[i];
      TensorSpec out = query.outputs[i];
      out.layout = out.layout_free ? Layout{} : out.layout;
      input_layouts.push_back(out.layout);
      output_layouts.push_back(out.layout);
      inplace.emplace_back(static_cast<int>(i), static_cast<int>(i));
      const auto size = static_cast<std::int64_t>(size_of(in.dtype));
      // Padding too: it is zero, and stays so.
      tensors_.push_back({in.dtype, out.present() ? out.bytes() / size : 0, !out.layout_free});
    }
    description = concat("sums over ", ranks.size(), " ranks");
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto made = std::make_unique<Parts>();
    std::vector<Part> flat;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].count > 0) {
        (tensors_[i].is_flat ? flat : made->list)
            .push_back({args.inputs[i], args.outputs[i], tensors_[i].dtype, tensors_[i].count});
      }
    }
    std::sort(flat.begin(), flat.end(),
              [](const Part& a, const Part& b) { return std::less<>()(a.to, b.to); });
    const std::size_t before = made->list.size();
    for (const Part& part : flat) {
      if (made->list.size() == before || !follows(made->list.back(), part)) {
        made->list.push_back(part);
      } else {
        made->list.back().count += part.count + gap_between(made->list.back(), part);
      }
    }
    return made;
  }

  void run(const KernelArgs& args) const override {
    ranks_.all_reduce(args.state_as<Parts>().list, args.stream);
  }

 private:
  // `is_flat`: in the flat block, whose places are those of every rank; elsewhere what lies beside
  // what depends on the rank's rows.
  struct Tensor {
    DType dtype = DType::kUndefined;
    std::int64_t count = 0;
    bool is_flat = false;
  };

  // In bytes; what lies between the tensors of a flat block is zero.
  static std::ptrdiff_t bytes_between(const Part& part, const Part& next) {
    const auto size = static_cast<std::ptrdiff_t>(size_of(part.dtype));
    return static_cast<const std::byte*>(next.to) -
           (static_cast<const std::byte*>(part.to) + part.count * size);
  }
  static std::int64_t gap_between(const Part& part, const Part& next) {
    return bytes_between(part, next) / static_cast<std::ptrdiff_t>(size_of(part.dtype));
  }
  static bool follows(const Part& part, const Part& next) {
    const std::ptrdiff_t bytes = bytes_between(part, next);
    return part.from == part.to && next.from == next.to && part.dtype == next.dtype && bytes >= 0 &&
           bytes < static_cast<std::ptrdiff_t>(kBufferAlignment) &&
           bytes % static_cast<std::ptrdiff_t>(size_of(part.dtype)) == 0;
  }

  Communicator& ranks_;
  std::vector<Tensor> tensors_;
};

}  // namespace

void SelfCommunicator::all_reduce(std::span<const Part> parts, Stream*) {
  for (const Part& part : parts) {
    TEMPER_ASSERT(part.from == part.to, "a rank without others has nothing to sum");
  }
}

void require_agreement(Communicator& ranks, std::uint64_t value, std::string_view what) {
  const std::vector<std::uint64_t> all = ranks.gather(value);
  for (std::size_t i = 1; i < all.size(); ++i) {
    TEMPER_CHECK(all[i] == all[0], ErrorCode::kDistributed, what, " of rank ", i,
                 " is not that of rank 0: all ranks need the same model, recipe, kind of device "
                 "and version of Temper");
  }
}

std::unique_ptr<Kernel> make_all_reduce_kernel(const OpQuery& query, Communicator& ranks) {
  return std::make_unique<AllReduceKernel>(query, ranks);
}

}  // namespace temper
