#include "graph/onnx/surgery/load_rest.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/export_trace.h"
#include "graph/onnx/surgery/tie.h"
#include "graph/onnx/surgery/untie.h"
#include "graph/onnx/surgery/weight_values.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::string_view kVariance = ".running_var";

Shape swapped(const Shape& shape) { return shape.rank() == 2 ? Shape{shape[1], shape[0]} : shape; }

std::set<int> used_sources(const UsesFound& found) {
  std::set<int> used;
  const auto take = [&](const Assignment& from) {
    used.insert(from.source);
    if (from.norm) {
      used.insert({from.norm->scale, from.norm->shift, from.norm->mean, from.norm->variance});
    }
  };
  for (const WeightUse& use : found.uses) {
    if (use.from) {
      take(*use.from);
    }
  }
  for (const MissingBias& missing : found.missing) {
    take(missing.from);
  }
  return used;
}

// The tensors without a source, in order, each once.
std::vector<std::string> without_source(const UsesFound& found) {
  std::set<std::string> known;
  for (const WeightUse& use : found.uses) {
    if (use.from) {
      known.insert(use.tensor);
    }
  }
  std::vector<std::string> names;
  for (const WeightUse& use : found.uses) {
    if (known.insert(use.tensor).second) {
      names.push_back(use.tensor);
    }
  }
  return names;
}

void assign(UsesFound& found, const std::string& tensor, const Assignment& from) {
  for (WeightUse& use : found.uses) {
    if (use.tensor == tensor) {
      use.from = from;
    }
  }
}

std::vector<int> unused_floats(const SourceNames& names, const UsesFound& found) {
  const std::set<int> used = used_sources(found);
  std::vector<int> left;
  for (int i = 0; i < names.size(); ++i) {
    if (names.is_in_root(i) && is_float(names.at(i).dtype) && !used.contains(i) &&
        !is_known_twice(names, used, i)) {
      left.push_back(i);
    }
  }
  return left;
}

// "name[2:10]" and "name^T".
struct Named {
  std::string name;
  bool turned = false;
  bool is_part = false;
  std::int64_t first = 0, end = 0;
};

Named read_named(const std::string& text) {
  Named named{text, false, false, 0, 0};
  if (text.ends_with("^T")) {
    named.turned = true;
    named.name = text.substr(0, text.size() - 2);
    return named;
  }
  const std::size_t open = text.rfind('['), colon = text.rfind(':');
  if (text.ends_with(']') && open != std::string::npos && colon != std::string::npos &&
      colon > open) {
    const char* begin = text.data();
    const auto first = std::from_chars(begin + open + 1, begin + colon, named.first);
    const auto end = std::from_chars(begin + colon + 1, begin + text.size() - 1, named.end);
    TEMPER_CHECK(first.ptr == begin + colon && end.ptr == begin + text.size() - 1 &&
                     named.first >= 0 && named.first < named.end,
                 ErrorCode::kInvalidArgument, "--map: '", text, "' is not NAME[FIRST:END]");
    named.is_part = true;
    named.name = text.substr(0, open);
  }
  return named;
}

Assignment mapped(ModelEdit& edit, const SourceNames& names, const std::string& tensor,
                  const std::string& text) {
  const Named named = read_named(text);
  Assignment made;
  made.source = names.find_whole(named.name);
  TEMPER_CHECK(made.source != kNoSource, ErrorCode::kInvalidArgument,
               "--map: the checkpoint has no '", named.name, "', which '", tensor,
               "' is to come from");
  made.how = "map";
  const Shape shape = edit.header(tensor).shape, given = names.at(made.source).shape;
  if (named.is_part) {
    made.is_part = true;
    made.first_row = named.first;
    made.rows = named.end - named.first;
    const bool fits = given.rank() == 2 && named.end <= given[0] && shape.rank() >= 2 &&
                      shape[shape.rank() - 1] == given[1] &&
                      (made.rows == 1 || made.rows == shape[shape.rank() - 2]);
    TEMPER_CHECK(fits, ErrorCode::kInvalidArgument, "--map: '", tensor, "' is ", shape,
                 " and takes no rows ", named.first, " to ", named.end - 1, " of '", named.name,
                 "' ", given);
    return made;
  }
  made.turned = named.turned || (given != shape && swapped(given) == shape);
  TEMPER_CHECK((made.turned ? swapped(given) : given) == shape, ErrorCode::kInvalidArgument,
               "--map: '", tensor, "' is ", shape, ", '", named.name, "' of the checkpoint is ",
               given);
  return made;
}

// The tensor in front of a module's in the checkpoint: the weight of the layer it follows.
int weight_in_front(const SourceNames& names, int first_of_norm) {
  for (int i = first_of_norm - 1; i >= 0; --i) {
    const std::string& name = names.short_name(i);
    if (names.at(i).shape.rank() >= 2) {
      return i;
    }
    if (!name.ends_with(".bias")) {
      break;
    }
  }
  return kNoSource;
}

// By the names: "a.conv1.weight" of "a.bn1", "a.0.weight" of "a.1". Some formats sort their
// tensors.
int weight_of_same_name(const SourceNames& names, const std::string& norm) {
  const std::size_t dot = norm.rfind('.');
  const std::string path = dot == std::string::npos ? "" : norm.substr(0, dot + 1);
  const std::string last = norm.substr(path.size());
  std::int64_t number = 0;
  const auto read = std::from_chars(last.data(), last.data() + last.size(), number);
  if (read.ec == std::errc() && read.ptr == last.data() + last.size() && number > 0) {
    return names.find(concat(path, number - 1, ".weight"));
  }
  const std::size_t at = last.find("bn");
  return at == std::string::npos
             ? kNoSource
             : names.find(concat(path, last.substr(0, at), "conv", last.substr(at + 2), ".weight"));
}

// The use of a weight that no BatchNorm is folded into yet.
std::vector<WeightUse>::iterator bare_use(UsesFound& found, int weight) {
  return std::find_if(found.uses.begin(), found.uses.end(), [&](const WeightUse& one) {
    return weight != kNoSource && one.from && one.from->source == weight && !one.from->norm;
  });
}

// Names alone would give another network where an exporter has folded and nobody says what.
void refuse_unfolded(ModelEdit& edit, const FlatIndex& index, const SourceNames& names,
                     const UsesFound& found) {
  const std::set<int> used = used_sources(found);
  std::string norm;
  for (int i = 0; i < names.size() && norm.empty(); ++i) {
    norm = names.short_name(i).ends_with(kVariance) && !used.contains(i) ? names.short_name(i) : "";
  }
  for (const WeightUse& use : found.uses) {
    const bool changed = !norm.empty() && use.from && !use.from->norm && is_anonymous(use.tensor);
    const auto layer = changed ? linear_layer(edit, index, *use.node) : std::nullopt;
    TEMPER_CHECK(!layer || layer->kind != Linear::kConvolution || use.from->how == "map",
                 ErrorCode::kUnsupported, "'", use.tensor, "' of the model, from '",
                 names.short_name(use.from->source),
                 "', has had a BatchNorm folded into it, and it "
                 "cannot be told which of the checkpoint's, such as '",
                 norm, "'. Export the model with PyTorch's default exporter, which says it");
  }
}

void take_written_twice(ModelEdit& edit, UsesFound& found, const std::vector<std::string>& left) {
  for (const WrittenTwice& twice : find_written_twice(edit)) {
    const auto original = std::find_if(found.uses.begin(), found.uses.end(), [&](const auto& use) {
      return use.tensor == twice.tensor && use.from;
    });
    if (original == found.uses.end() || original->from->norm || original->from->is_part ||
        std::find(left.begin(), left.end(), twice.copy) == left.end()) {
      continue;
    }
    Assignment from = *original->from;
    from.turned = from.turned != twice.turned;
    from.how = concat("as '", twice.tensor, "'");
    assign(found, twice.copy, from);
  }
}

// The common beginning of the module that reads a constant and the table's own name.
bool is_of_module(const UsesFound& found, const std::string& tensor, const std::string& table) {
  for (const WeightUse& use : found.uses) {
    const std::string path = use.tensor == tensor ? module_path(*use.node) : "";
    if (!path.empty() && table.starts_with(path + ".")) {
      return true;
    }
  }
  return false;
}

void take_parts(ModelEdit& edit, const SourceNames& names, UsesFound& found, bool many_rows) {
  for (const std::string& tensor : without_source(found)) {
    const TensorHeader header = edit.header(tensor);
    if (header.elements < 2 || header.shape.rank() < 2) {
      continue;
    }
    const Tensor value = edit.read(tensor);
    const bool uniform = is_uniform(value);
    std::vector<std::pair<int, Assignment>> fitting;
    for (const int source : unused_floats(names, found)) {
      const bool fits_uniform = names.at(source).shape.rank() == header.shape.rank();
      auto part = as_part_of(value, names.at(source));
      if (part && (part->rows > 1) == many_rows && (!uniform || fits_uniform)) {
        fitting.emplace_back(source, *part);
      }
    }
    if (fitting.size() > 1) {
      std::erase_if(fitting, [&](const auto& one) {
        return !is_of_module(found, tensor, names.short_name(one.first));
      });
    }
    if (fitting.size() != 1) {
      continue;
    }
    Assignment from = fitting[0].second;
    from.source = fitting[0].first;
    if (from.rows > 0) {
      if (const auto row = alike_rows(value, names.at(from.source).read(), from.rows)) {
        from.first_row = *row;
        from.is_guess = false;
      }
      from.how = from.rows == 1
                     ? concat("row ", from.first_row)
                     : concat("rows ", from.first_row, " to ", from.first_row + from.rows - 1);
    }
    assign(found, tensor, from);
  }
}

void take_only_shapes(ModelEdit& edit, const FlatGraph& flat, const SourceNames& names,
                      UsesFound& found) {
  std::map<std::string, std::vector<std::string>> tensors;  // by shape
  std::map<std::string, std::vector<int>> sources;
  for (const std::string& tensor : without_source(found)) {
    const bool learned =
        std::any_of(flat.nodes.begin(), flat.nodes.end(), [&](const FlatNode& node) {
          for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (node.inputs[i] == tensor && find_place(node, static_cast<int>(i)) != nullptr) {
              return true;
            }
          }
          return false;
        });
    if (learned) {
      tensors[to_string(edit.header(tensor).shape)].push_back(tensor);
    }
  }
  for (const int source : unused_floats(names, found)) {
    sources[to_string(names.at(source).shape)].push_back(source);
  }
  for (const auto& [shape, same] : tensors) {
    const auto given = sources.find(shape);
    if (same.size() == 1 && given != sources.end() && given->second.size() == 1) {
      Assignment from;
      from.source = given->second[0];
      from.how = "shape";
      from.is_guess = true;
      assign(found, same[0], from);
    }
  }
}

}  // namespace

bool is_known_twice(const SourceNames& names, const std::set<int>& used, int source) {
  const UnreadTensor& it = names.at(source);
  return it.shape.rank() > 1 && std::any_of(used.begin(), used.end(), [&](int other) {
           return other != kNoSource && names.at(other).shape == it.shape &&
                  names.at(other).dtype == it.dtype &&
                  equal_bits(names.at(other).read(), it.read());
         });
}

void apply_map(ModelEdit& edit, const SourceNames& names,
               const std::vector<std::pair<std::string, std::string>>& map, UsesFound& found) {
  for (const auto& [tensor, text] : map) {
    const bool is_there = std::any_of(found.uses.begin(), found.uses.end(),
                                      [&](const WeightUse& use) { return use.tensor == tensor; });
    TEMPER_CHECK(is_there, ErrorCode::kInvalidArgument,
                 "--map: the model has no stored float tensor '", tensor, "'");
    assign(found, tensor, mapped(edit, names, tensor, text));
  }
}

void fold_by_order(ModelEdit& edit, const FlatIndex& index, const SourceNames& names,
                   double epsilon, UsesFound& found) {
  const std::set<int> used = used_sources(found);
  for (int i = 0; i < names.size(); ++i) {
    const std::string& name = names.short_name(i);
    if (!name.ends_with(kVariance) || used.contains(i)) {
      continue;
    }
    auto norm = norm_of(names, name.substr(0, name.size() - kVariance.size()));
    if (!norm || used.contains(norm->mean)) {
      continue;
    }
    const int first = norm->scale != kNoSource ? norm->scale : norm->mean;
    const int weight = weight_in_front(names, first);
    auto use = bare_use(found, weight);
    if (use == found.uses.end()) {
      use = bare_use(found, weight_of_same_name(names, norm->module));
    }
    const auto layer =
        use == found.uses.end() ? std::nullopt : linear_layer(edit, index, *use->node);
    if (!layer || units_of(edit, *layer) != names.at(i).shape.element_count()) {
      continue;
    }
    const auto& readers = index.readers(layer->output());
    if (std::any_of(readers.begin(), readers.end(),
                    [](const FlatNode* reader) { return is_batchnorm(*reader); })) {
      continue;
    }
    if (norm->epsilon_from.empty()) {
      norm->epsilon = epsilon;
      norm->epsilon_from = "assumed";
    }
    // A bias that the checkpoint has not is what the fold left behind.
    Assignment shift;
    shift.is_shift = true;
    shift.norm = norm;
    shift.how = "module";
    bool has_bias = false;
    for (WeightUse& other : found.uses) {
      if (!layer->bias.empty() && other.tensor == layer->bias &&
          (other.node == layer->node || other.node == layer->bias_add)) {
        shift.source = other.from ? other.from->source : kNoSource;
        has_bias = has_bias || !other.from;
        other.from = shift;
      }
    }
    if (layer->bias.empty()) {
      std::erase_if(found.missing, [&](const MissingBias& one) { return one.node == layer->node; });
      found.missing.push_back({layer->node, *layer, layer->weight, shift});
    }
    use->from->norm = norm;
    use->from->channel_axis = layer->output_axis;
    use->from->groups = layer->kind == Linear::kConvolution && layer->output_axis == 1
                            ? units_of(edit, *layer) / edit.header(layer->weight).shape[1]
                            : 1;
    // An exporter gives a weight that it has changed a name of its own.
    use->from->is_guess = !has_bias && !is_anonymous(layer->weight);
  }
  refuse_unfolded(edit, index, names, found);
}

void find_the_rest(ModelEdit& edit, const FlatGraph& flat, const SourceNames& names,
                   UsesFound& found) {
  const std::vector<std::string> left = without_source(found);
  const bool has_matrix = std::any_of(left.begin(), left.end(), [&](const std::string& tensor) {
    return edit.header(tensor).shape.rank() == 2;
  });
  if (has_matrix) {
    take_written_twice(edit, found, left);
  }
  take_parts(edit, names, found, true);
  take_parts(edit, names, found, false);
  take_only_shapes(edit, flat, names, found);
}

}  // namespace temper::graph
