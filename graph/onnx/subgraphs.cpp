// The bodies of If, Loop, Scan and the like, for people who ask what a model holds.
#include <map>
#include <unordered_set>

#include "graph/onnx/model_file.h"
#include "runtime/base/concat.h"

namespace temper::graph {

std::vector<SubgraphSummary> OnnxModel::subgraphs() const {
  const FlatGraph& flat = impl_->flat;
  std::vector<const FlatNode*> owners(flat.bodies.size(), nullptr);
  std::vector<std::map<std::string, std::int64_t>> counts(flat.bodies.size());
  for (const FlatNode& node : flat.nodes) {
    for (const int body : node.bodies) {
      owners[static_cast<std::size_t>(body)] = &node;
    }
    if (node.body >= 0) {
      const std::string op = node.domain.empty() ? node.op : node.domain + "::" + node.op;
      ++counts[static_cast<std::size_t>(node.body)][op];
    }
  }
  std::vector<SubgraphSummary> list;
  std::unordered_set<const wire::GraphProto*> seen;  // of a function that is called several times
  for (std::size_t i = 0; i < flat.bodies.size(); ++i) {
    const FlatBody& body = flat.bodies[i];
    if (!seen.insert(body.source).second) {
      continue;
    }
    constexpr std::size_t kShown = 100;  // a hostile name may have megabytes
    SubgraphSummary summary;
    summary.owner = owners[i]->label();
    int around = body.outer;
    for (int depth = 0; around >= 0 && depth < 4; ++depth) {
      const auto at = static_cast<std::size_t>(around);
      summary.owner = concat(owners[at]->label(), " > ", summary.owner);
      around = flat.bodies[at].outer;
    }
    summary.branch = body.attribute.substr(0, kShown);
    summary.op_counts.assign(counts[i].begin(), counts[i].end());
    list.push_back(std::move(summary));
  }
  return list;
}

}  // namespace temper::graph
