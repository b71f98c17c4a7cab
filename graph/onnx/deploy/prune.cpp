#include "graph/onnx/deploy/prune.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/deploy/channel_path.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Indices = std::vector<std::int64_t>;

// The `count` smallest, of equal ones the first, in ascending order.
Indices smallest(const std::vector<double>& values, std::int64_t count) {
  Indices order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return values[static_cast<std::size_t>(a)] < values[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

// Halves to the even number, as Python rounds.
std::int64_t share_of(double sparsity, std::int64_t all) {
  return static_cast<std::int64_t>(std::nearbyint(sparsity * static_cast<double>(all)));
}

class Pruner {
 public:
  Pruner(ModelEdit& edit, const PruneOptions& options)
      : edit_(edit), options_(options), flat_(edit.flat()), index_(flat_) {}

  std::vector<PrunedLayer> run() {
    std::vector<PrunedLayer> layers;
    std::set<std::string> seen;
    for (const FlatNode& node : flat_.nodes) {
      const auto layer = linear_layer(edit_, index_, node);
      const bool meant = layer && (!options_.match || layer->is_meant(options_.match));
      if (!meant || node.inlined || !seen.insert(layer->weight).second) {
        continue;
      }
      layers.push_back({layer->name(), layer->weight, 0, 0, ""});
      options_.channels ? remove_channels(*layer, layers.back())
                        : zero_weights(*layer, layers.back());
    }
    return layers;
  }

 private:
  void zero_weights(const LinearLayer& layer, PrunedLayer& done) {
    const Tensor weight = edit_.read(layer.weight);
    std::vector<double> values = weight.values<double>(), sizes(values.size());
    std::transform(values.begin(), values.end(), sizes.begin(),
                   [](double value) { return std::abs(value); });
    done.of = static_cast<std::int64_t>(values.size());
    for (const std::int64_t i : smallest(sizes, share_of(options_.sparsity, done.of))) {
      values[static_cast<std::size_t>(i)] = 0;
    }
    done.gone = std::count(values.begin(), values.end(), 0.0);
    edit_.set_value(layer.weight, Tensor::from<double>(weight.dtype(), weight.shape(), values));
  }

  void remove_channels(const LinearLayer& layer, PrunedLayer& done) {
    done.of = units_of(edit_, layer);
    const ChannelPath path = channel_path(edit_, index_, layer);
    done.kept = path.broken;
    if (!done.kept.empty()) {
      return;
    }
    const std::int64_t count = std::min(share_of(options_.sparsity, done.of), done.of - 1);
    const Indices gone = smallest(magnitudes(layer), count);
    done.gone = count;
    if (count == 0) {
      done.kept = concat("that share of ", done.of, " channels is none");
      return;
    }
    remove(layer.weight, layer.output_axis, gone, 1);
    if (!layer.bias.empty()) {
      remove(layer.bias, 0, gone, 1);
    }
    for (const std::string& tensor : path.by_channel) {
      remove(tensor, 0, gone, 1);
    }
    remove(path.reader, path.reader_axis, gone, path.values_per_channel);
    for (const std::string& target : path.targets) {
      const std::int64_t left = (done.of - count) * path.values_per_channel;
      const std::vector<std::int64_t> sizes = {edit_.integers(target)[0], left};
      edit_.replace_tensor(target, Tensor::from<std::int64_t>(DType::kInt64, Shape{2}, sizes));
    }
  }

  // The sum of magnitudes of each output's weights.
  std::vector<double> magnitudes(const LinearLayer& layer) {
    const Tensor weight = edit_.read(layer.weight);
    const Shape& shape = weight.shape();
    const std::int64_t units = shape[layer.output_axis];
    const std::int64_t inner = shape.count(layer.output_axis + 1, shape.rank());
    std::vector<double> sums(static_cast<std::size_t>(units), 0.0);
    const std::vector<double> values = weight.values<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      sums[static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % units)] +=
          std::abs(values[i]);
    }
    return sums;
  }

  // Each of `gone` stands for `run` entries of the axis, one after the other.
  void remove(const std::string& tensor, int axis, const Indices& gone, std::int64_t run) {
    const Tensor whole = edit_.read(tensor);
    const Shape& shape = whole.shape();
    const std::int64_t inner = shape.count(axis + 1, shape.rank());
    const std::vector<double> values = whole.values<double>();
    std::vector<double> left;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) / inner % shape[axis] / run;
      if (!std::binary_search(gone.begin(), gone.end(), at)) {
        left.push_back(values[i]);
      }
    }
    Shape small = shape;
    small[axis] -= static_cast<std::int64_t>(gone.size()) * run;
    edit_.replace_tensor(tensor, Tensor::from<double>(whole.dtype(), small, left));
  }

  ModelEdit& edit_;
  const PruneOptions& options_;
  FlatGraph flat_;
  FlatIndex index_;
};

}  // namespace

std::vector<PrunedLayer> prune(ModelEdit& edit, const PruneOptions& options) {
  std::vector<PrunedLayer> layers = Pruner(edit, options).run();
  const bool any = std::any_of(layers.begin(), layers.end(),
                               [](const PrunedLayer& layer) { return layer.gone > 0; });
  TEMPER_CHECK(any, ErrorCode::kInvalidArgument, "nothing can be pruned: ",
               layers.empty() ? std::string("no layer with a stored weight is meant")
                              : concat("'", layers.front().layer, "': ", layers.front().kept));
  if (options.channels) {
    edit.graph().clear_value_info();  // shapes inside are others
  }
  return layers;
}

}  // namespace temper::graph
