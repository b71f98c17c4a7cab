// Samples of different lengths: which dimension of the model's inputs is the length, what the data
// have of it, and the buckets that batches are filled up to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "training/data/bucket_order.h"
#include "training/data/dataset.h"
#include "training/recipe/recipe.h"

namespace temper::training {

class RunLengths {
 public:
  RunLengths() = default;
  // Of an imported graph, its inputs arranged. `val`: null where there are no other data. Names
  // dimensions of the inputs that have no name. THROWS: kInvalidArgument for settings that do not
  // fit; kInvalidData for inputs that differ in length where the model gives them one name.
  RunLengths(graph::Graph& graph, const Dataset& train, const Dataset* val,
             const DataSettings& settings, std::vector<std::string>& notes);

  // Whether samples differ.
  bool any() const { return !buckets_.empty(); }
  // Ascending; the last is what all graphs are settled for.
  const std::vector<std::int64_t>& buckets() const { return buckets_; }
  std::int64_t longest() const { return buckets_.empty() ? 0 : buckets_.back(); }
  // The sizes of the dimensions in a batch of this length; of the longest none.
  std::map<std::string, std::int64_t> symbols(std::int64_t length) const;
  // The dimension's name, for people.
  const std::string& name() const { return name_; }

  // Has all fields that differ in size delivered with one: what goes along the length with the
  // longest bucket, others with their own largest. `data`: train, val or the same opened anew.
  void settle(Dataset& data) const;
  // The buckets of the rows of such data. REQUIRES: settle().
  Buckets buckets_of(const Dataset& data) const;
  // How long the rows of such data are, cut as the recipe says.
  std::vector<std::int64_t> lengths_of(const Dataset& data) const;
  // Whether a field goes along the length.
  bool follows(const Dataset& data, std::size_t field) const;

 private:
  std::size_t lead_field(const Dataset& data) const;
  void name_dimensions(graph::Graph& graph, const Dataset& train);
  void check_inputs(const graph::Graph& graph, const Dataset& data) const;

  std::string name_;
  std::string lead_;                  // the input that the lengths are of
  std::vector<std::string> symbols_;  // names of dimensions that are the length
  std::vector<std::int64_t> buckets_;
  std::int64_t max_length_ = 0;
  std::map<std::string, std::int64_t> others_;  // sizes of ragged fields that are no such
};

}  // namespace temper::training
